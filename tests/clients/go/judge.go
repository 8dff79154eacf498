package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const packageHeaderBytes = 42 // "AVAP", version, length, MAC

var versionForm = regexp.MustCompile(`^([1-9][0-9]*)-([0-9a-f]{32})$`)

// parseVersion reads the value of avap-catalog-version.
func parseVersion(text string) (generation uint64, digest string, ok bool) {
	match := versionForm.FindStringSubmatch(text)
	if match == nil {
		return 0, "", false
	}
	generation, err := strconv.ParseUint(match[1], 10, 64)
	return generation, match[2], err == nil
}

// judgeHit says what is wrong with the reply to GetCommand; empty: nothing.
func judgeHit(c *contract, v *version, name string, reply []byte, wire string) string {
	expected, held := v.Commands[name]
	if !held {
		return "answered, but this version does not hold the name"
	}
	if !bytes.Equal(reply, expected) {
		return fmt.Sprintf("%d bytes differ from the record's %d", len(reply), len(expected))
	}
	record, err := decode(c.get, reply)
	if err != nil {
		return "not decodable: " + err.Error()
	}
	return judgeFields(record, name, wire)
}

// judgeFields checks those fields that can be checked without the record itself.
func judgeFields(record protoreflect.Message, name, wire string) string {
	if got := field(record, "name").String(); got != name {
		return fmt.Sprintf("decoded name is %q", got)
	}
	var source []byte
	if wire == "lite" {
		source = field(record, "code").Bytes()
		if len(source) < packageHeaderBytes || string(source[:4]) != "AVAP" {
			return "code is not a signed package"
		}
		source = source[packageHeaderBytes:]
	} else {
		source = []byte(field(record, "code").String())
	}
	sum := sha256.Sum256(source)
	if hash := field(record, "hash").String(); hash != hex.EncodeToString(sum[:]) {
		return fmt.Sprintf("hash is %s, of the decoded code %x", hash, sum)
	}
	return ""
}

// splitRecords gives the records of a SyncCatalog body and the offset where they end.
func splitRecords(body []byte) (records [][]byte, end int) {
	for end < len(body) && body[end] == 0x0a {
		length, width := binary.Uvarint(body[end+1:])
		start := end + 1 + width
		if width <= 0 || length > uint64(len(body)-start) {
			break
		}
		end = start + int(length)
		records = append(records, body[start:end])
	}
	return records, end
}

// judgeSync says what is wrong with the reply to SyncCatalog; empty: nothing.
func judgeSync(c *contract, v *version, reply []byte, wire string) string {
	if v.SyncBody != nil && !bytes.Equal(reply, v.SyncBody) {
		return fmt.Sprintf("%d bytes differ from the version's %d", len(reply), len(v.SyncBody))
	}
	catalog, err := decode(c.sync, reply)
	if err != nil {
		return "not decodable: " + err.Error()
	}
	records, end := splitRecords(reply)
	commands := field(catalog, "commands").List()
	count := len(v.Commands)
	if len(records) != count || commands.Len() != count {
		return fmt.Sprintf("%d records instead of %d", len(records), count)
	}
	seen := make(map[string]bool, count)
	for position, record := range records {
		name := field(commands.Get(position).Message(), "name").String()
		expected, held := v.Commands[name]
		if !held || seen[name] || !bytes.Equal(record, expected) {
			return fmt.Sprintf("record %d (%s) differs", position, name)
		}
		seen[name] = true
	}
	if wire != "lite" {
		if end != len(reply) {
			return "bytes behind the records"
		}
		return ""
	}
	if total := field(catalog, "total_count").Int(); total != int64(count) {
		return fmt.Sprintf("total_count is %d", total)
	}
	if hash := field(catalog, "version_hash").String(); hash != "v-"+v.Digest {
		return "version_hash is " + hash
	}
	return ""
}
