"""Results to rows, and rows to files: CSV, JSON lines, Parquet, a page of pictures."""

from gspy_cli.writers.columns import Columns, ranked
from gspy_cli.writers.lines import csv_header, csv_line, json_line

__all__ = ["Columns", "csv_header", "csv_line", "json_line", "ranked"]
