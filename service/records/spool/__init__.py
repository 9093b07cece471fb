"""The spool: local files of lines, one line an answer, written before the answer goes out."""
