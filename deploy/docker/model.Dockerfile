# An image that brings its model: docker build -f deploy/docker/model.Dockerfile --build-arg IMAGE=tabular-serving -t churn:7 .
ARG IMAGE=tabular-serving
FROM ${IMAGE}
COPY artifacts /srv/artifacts
