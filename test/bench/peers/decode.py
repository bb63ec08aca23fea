"""The rate of python-mysql-replication: reads a part of the binlog from a server, with
JSON of each row or without.  Prints row events and seconds.

    decode.py PORT FILE OFFSET END_FILE END_OFFSET [rows|json]
"""
import json
import sys
import time

from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

port, start_file, start, end_file, end = sys.argv[1:6]
as_json = sys.argv[6:] == ["json"]
stream = BinLogStreamReader(
    connection_settings={"host": "127.0.0.1", "port": int(port), "user": "root", "passwd": ""},
    server_id=4000000,
    only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent],
    log_file=start_file,
    log_pos=int(start),
    resume_stream=True,
    blocking=False,
)
types = {WriteRowsEvent: "insert", UpdateRowsEvent: "update", DeleteRowsEvent: "delete"}


def write(event):
    head = {"database": event.schema, "table": event.table, "type": types[type(event)],
            "ts": event.timestamp, "position": "%s:%d" % (stream.log_file, stream.log_pos)}
    for row in event.rows:
        if "values" in row:
            head["data"] = row["values"]
        else:
            before, head["data"] = row["before_values"], row["after_values"]
            head["old"] = {k: v for k, v in before.items() if head["data"][k] != v}
        json.dumps(head, default=str)


began = time.monotonic()
rows = 0
for event in stream:
    if stream.log_file > end_file:
        break
    rows += len(event.rows)
    if as_json:
        write(event)
    if (stream.log_file, stream.log_pos) >= (end_file, int(end)):
        break
print(rows, time.monotonic() - began)
stream.close()
