"""CSV files: streamed, and nothing in them runs in a spreadsheet."""

import csv
import io
from decimal import Decimal

import pytest

from panel.csv_export import ROWS_AT_ONCE, stream_csv


def read(response):
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_writes_what_csv_readers_read():
    rows = [("a, b", 'say "x"', 1), ("two\nlines", None, Decimal("-1.50000")), ("señal", "", 0)]

    response = stream_csv(filename="things.csv", header=["One", "Two", "Three"], rows=rows)

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="things.csv"'
    assert read(response) == [
        ["One", "Two", "Three"],
        ["a, b", 'say "x"', "1"],
        ["two\nlines", "", "-1.50000"],
        ["señal", "", "0"],
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(cell):
    response = stream_csv(filename="x.csv", header=["Link"], rows=[[cell]])

    assert read(response)[1] == ["'" + cell]


def test_reads_rows_only_as_they_are_sent():
    read_so_far = []

    def rows():
        for number in range(10 * ROWS_AT_ONCE):
            read_so_far.append(number)
            yield [number]

    response = stream_csv(filename="x.csv", header=["Number"], rows=rows())
    assert not read_so_far

    next(iter(response.streaming_content))

    assert len(read_so_far) < 2 * ROWS_AT_ONCE
