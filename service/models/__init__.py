"""The models of this worker, from the disk to the request.

``repository`` knows where versions lie and which are wanted; ``mlflow_registry`` fetches one; ``model`` loads one,
behind ``cache`` where CACHE says so; ``manager`` keeps the loaded ones up to date; ``serving`` is what a request meets.
"""
