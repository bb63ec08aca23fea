// The rate of go-mysql: parses a binlog file that lies in memory, with JSON of each
// row or without.  Prints rows and seconds of the better of several rounds.
//
//	decode FILE rows|json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

type event struct {
	Database string                 `json:"database"`
	Table    string                 `json:"table"`
	Type     string                 `json:"type"`
	Ts       uint32                 `json:"ts"`
	Position string                 `json:"position"`
	Gtid     string                 `json:"gtid"`
	Data     map[string]interface{} `json:"data"`
	Old      map[string]interface{} `json:"old,omitempty"`
}

// What the rows of a table map have in common.
type table struct {
	id   uint64
	name []string
}

type counter struct {
	file  string
	json  bool
	rows  int
	bytes int
	gtid  string
	table table
}

func (c *counter) named(row []interface{}) map[string]interface{} {
	m := make(map[string]interface{}, len(row))
	for i, v := range row {
		if b, ok := v.([]byte); ok {
			v = string(b)
		}
		m[c.table.name[i]] = v
	}
	return m
}

func (c *counter) write(e *event) error {
	out, err := json.Marshal(e)
	c.rows++
	c.bytes += len(out)
	return err
}

func (c *counter) onRows(h *replication.EventHeader, r *replication.RowsEvent) error {
	update := r.Type() == replication.EnumRowsEventTypeUpdate
	n := len(r.Rows)
	if update {
		n /= 2
	}
	if !c.json {
		c.rows += n
		return nil
	}
	if c.table.id != r.TableID || c.table.name == nil {
		c.table = table{r.TableID, r.Table.ColumnNameString()}
	}
	e := event{Database: string(r.Table.Schema), Table: string(r.Table.Table), Ts: h.Timestamp,
		Position: fmt.Sprintf("%s:%d", c.file, h.LogPos), Gtid: c.gtid, Type: "insert"}
	if r.Type() == replication.EnumRowsEventTypeDelete {
		e.Type = "delete"
	}
	for i := 0; i < n; i++ {
		if !update {
			e.Data = c.named(r.Rows[i])
		} else {
			before := c.named(r.Rows[2*i])
			e.Type, e.Data, e.Old = "update", c.named(r.Rows[2*i+1]), map[string]interface{}{}
			for name, v := range before {
				if e.Data[name] != v {
					e.Old[name] = v
				}
			}
		}
		if err := c.write(&e); err != nil {
			return err
		}
	}
	return nil
}

func (c *counter) onEvent(e *replication.BinlogEvent) error {
	switch x := e.Event.(type) {
	case *replication.GTIDEvent:
		if next, err := x.GTIDNext(); err == nil {
			c.gtid = next.String()
		}
	case *replication.RowsEvent:
		return c.onRows(e.Header, x)
	case *replication.TransactionPayloadEvent:
		for _, inner := range x.Events {
			if err := c.onEvent(inner); err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var best time.Duration
	var rows int
	for round := 0; round < 3; round++ {
		c := counter{file: "binlog.000001", json: os.Args[2] == "json"}
		p := replication.NewBinlogParser()
		began := time.Now()
		if err := p.ParseReader(bytes.NewReader(data[4:]), c.onEvent); err != nil {
			panic(err)
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
		rows = c.rows
	}
	fmt.Println(rows, best.Seconds())
}
