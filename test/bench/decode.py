"""The baseline for decoding: python-mysql-replication reads the same part of the
binlog and does nothing with the rows.  Prints row events and seconds.

    decode.py PORT FILE OFFSET END_FILE END_OFFSET
"""
import sys
import time

from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

port, start_file, start, end_file, end = sys.argv[1:6]
stream = BinLogStreamReader(
    connection_settings={"host": "127.0.0.1", "port": int(port), "user": "root", "passwd": ""},
    server_id=4000000,
    only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent],
    log_file=start_file,
    log_pos=int(start),
    resume_stream=True,
    blocking=False,
)
began = time.monotonic()
rows = 0
for event in stream:
    rows += len(event.rows)
    if (stream.log_file, stream.log_pos) >= (end_file, int(end)):
        break
print(rows, time.monotonic() - began)
stream.close()
