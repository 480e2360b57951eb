/**
 * The bytes of a changelog batch: entries one after another, each the key as a `string`, then a `uint`: 0 for a delete, else the length of the
 * value plus one, and the value. See `batch-codec.ts` for `string` and `uint`.
 */
import type { ChangelogEntry } from '../../topology/log/port.ts'
import { ByteReader, type ByteWriter } from './bytes.ts'

export function writeEntry(out: ByteWriter, entry: ChangelogEntry): void {
  out.string(entry.key)
  writeValue(out, entry.value)
}

/** An entry whose key is already UTF-8. */
export function writeRow(out: ByteWriter, key: Uint8Array, value: Uint8Array | null): void {
  out.blob(key)
  writeValue(out, value)
}

function writeValue(out: ByteWriter, value: Uint8Array | null): void {
  out.uint(value === null ? 0 : value.length + 1)
  if (value !== null) out.raw(value)
}

export function decodeEntries(data: Uint8Array): ChangelogEntry[] {
  const input = new ByteReader(data)
  const entries: ChangelogEntry[] = []
  while (!input.done) {
    const key = input.string()
    entries.push({ key, value: readValue(input) })
  }
  return entries
}

/** Calls back with the key's bytes, for whoever only moves them. */
export function eachRow(data: Uint8Array, visit: (key: Buffer, value: Buffer | null) => void): void {
  const input = new ByteReader(data)
  while (!input.done) {
    const key = input.blob()
    visit(key, readValue(input))
  }
}

function readValue(input: ByteReader): Buffer | null {
  const length = input.uint()
  return length === 0 ? null : input.raw(length - 1)
}
