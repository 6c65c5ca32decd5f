package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"caravela/market"
)

// schema is the version of the file's layout: a bucket "meta", and one bucket
// a table, named by its number. A table's values are records, each after its
// sum. "meta" holds this number, and of each table how many records it has and
// what their sums add up to, so that a record that went missing, or an older
// one that came back, is seen. Schema 1 had no sums.
const schema = 2

const (
	metaBucket = "meta"
	schemaKey  = "schema"
	sumSize    = 8
)

// total says of a table what it must hold.
type total struct{ count, sum uint64 }

func (t *total) add(sum uint64)  { t.count++; t.sum += sum }
func (t *total) drop(sum uint64) { t.count--; t.sum -= sum }

func (t total) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, t.count), t.sum)
}

// totals are those of all tables, by number.
type totals [lastTable + 1]total

const lastTable = market.LastTable

// tables are all, in the order in which Load returns them.
func tables() (all []market.Table) {
	for t := market.SoldTable; t <= lastTable; t++ {
		all = append(all, t)
	}
	return all
}

func bucket(t market.Table) []byte { return []byte{'t', byte(t)} }

// tableOf is the table that a bucket is named for.
func tableOf(bucket []byte) (market.Table, bool) {
	if len(bucket) != 2 || bucket[0] != 't' || bucket[1] < byte(market.SoldTable) || bucket[1] > byte(lastTable) {
		return 0, false
	}
	return market.Table(bucket[1]), true
}

// sumOf is a record's sum: a checksum, against accidents and not against
// whoever may write the file.
func sumOf(t market.Table, key, record []byte) uint64 {
	h := sha256.New()
	h.Write([]byte{byte(t)})
	h.Write(key)
	h.Write(record)
	var sum [sha256.Size]byte
	return binary.BigEndian.Uint64(h.Sum(sum[:0]))
}

// wrap puts the sum before a record.
func wrap(t market.Table, key, record []byte) (value []byte, sum uint64) {
	sum = sumOf(t, key, record)
	value = binary.BigEndian.AppendUint64(make([]byte, 0, sumSize+len(record)), sum)
	return append(value, record...), sum
}

// unwrap returns the record in a value, if its sum holds.
func unwrap(t market.Table, key, value []byte) (record []byte, sum uint64, err error) {
	if len(value) < sumSize {
		return nil, 0, broken("record %x of table %d without a sum", key, t)
	}
	record, sum = value[sumSize:], binary.BigEndian.Uint64(value)
	if sum != sumOf(t, key, record) {
		return nil, 0, broken("the sum of record %x of table %d does not hold", key, t)
	}
	return record, sum, nil
}

// schemaValue is a version and its complement: a damaged number must not pass
// for a newer version's.
func schemaValue(v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, v), ^v)
}

// schemaOf reads what schemaValue wrote; schema 1 wrote four bytes.
func schemaOf(v []byte) (uint32, error) {
	switch len(v) {
	case 4:
		return binary.BigEndian.Uint32(v), nil
	case 8:
		n := binary.BigEndian.Uint32(v)
		if binary.BigEndian.Uint32(v[4:]) == ^n {
			return n, nil
		}
	}
	return 0, broken("its version does not hold")
}

// census is what a walk over a file finds in it. Bucket "meta" comes first.
type census struct {
	schema uint32            // 0 = not yet known
	found  totals            // counted, from schema 2 on
	stated map[string][]byte // what "meta" says, by key
	each   func(t market.Table, key, record []byte) error
}

// take is the visit of inspect.
func (c *census) take(bucket, key, value []byte) error {
	if string(bucket) == metaBucket {
		c.stated[string(key)] = append([]byte(nil), value...)
		return nil
	}
	if err := c.version(); err != nil {
		return err
	}
	t, ok := tableOf(bucket)
	if !ok || len(key) != len(market.LeaseID{}) {
		return broken("key %x in table %x", key, bucket)
	}
	record := value
	if c.schema > 1 {
		var sum uint64
		var err error
		if record, sum, err = unwrap(t, key, value); err != nil {
			return err
		}
		c.found[t].add(sum)
	}
	if c.each == nil {
		return nil
	}
	return c.each(t, key, record)
}

// version finds the schema, once "meta" was read.
func (c *census) version() error {
	if c.schema != 0 {
		return nil
	}
	v, ok := c.stated[schemaKey]
	if !ok {
		return broken("its version is missing")
	}
	n, err := schemaOf(v)
	switch {
	case err != nil:
		return err
	case n > schema:
		return fmt.Errorf("%w (schema %d; this one reads up to %d)", ErrNewer, n, schema)
	case n == 0:
		return broken("its version is 0")
	}
	c.schema = n
	return nil
}

// agree compares what was found with what "meta" states.
func (c *census) agree() error {
	if err := c.version(); err != nil || c.schema == 1 {
		return err
	}
	if len(c.stated) != 1+len(tables()) {
		return broken("%d statements about %d tables", len(c.stated)-1, len(tables()))
	}
	for _, t := range tables() {
		if got := c.found[t]; string(c.stated[string(bucket(t))]) != string(got.bytes()) {
			return broken("table %d has %d records, but not those that were saved", t, got.count)
		}
	}
	return nil
}
