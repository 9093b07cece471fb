"""Two versions side by side on the same rows: metrics, agreement, calibration, computing time.

rows.py     the rows, of a table or of records
measures.py what is compared, and what can be told from so few rows
page.py     the HTML page; drawing.py its plots
command.py  ``python -m training compare``
"""
