/**
 * The bytes of a batch: consecutive records of one topic partition. The offset of the first one is the row's `base`.
 *
 *     byte   version, 1
 *     uint   timestamp of the first record, milliseconds
 *     then per record:
 *       byte   flags: 1 handled, 2 has a key, 4 the key is that of the record before, 8 has headers, 16 offset gap, 32 later timestamp
 *       uint   if 16: offsets passed over since the record before (compaction leaves gaps)
 *       uint   if 32: milliseconds since the record before
 *       string if 2 and not 4: the key
 *       uint   if 8: number of headers, then name and value of each as strings
 *       blob   the value
 *
 * `uint` is unsigned LEB128; `string` and `blob` are a `uint` length and the bytes (UTF-8).
 */
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord, OutRecord } from '../../topology/log/port.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

const VERSION = 1
const HANDLED = 1
const KEY = 2
const SAME_KEY = 4
const HEADERS = 8
const GAP = 16
const LATER = 32

/** Collects one batch; reusable. */
export class BatchWriter {
  readonly #out = new ByteWriter()
  #key: string | null = null
  #next = 0
  #count = 0
  base = 0
  lastMs = 0

  get count(): number {
    return this.#count
  }

  get bytes(): Uint8Array {
    return this.#out.bytes
  }

  get length(): number {
    return this.#out.length
  }

  clear(): void {
    this.#out.clear()
    this.#key = null
    this.#count = 0
  }

  /** Offsets and timestamps must not go down from call to call. */
  add(record: OutRecord, offset: number, timestampMs: number): void {
    const out = this.#out
    if (this.#count++ === 0) this.begin(offset, timestampMs)
    const { key, headers } = record
    let flags = record.handled ? HANDLED : 0
    if (key !== null) flags |= key === this.#key ? KEY | SAME_KEY : KEY
    if (headers !== null) flags |= HEADERS
    if (offset !== this.#next) flags |= GAP
    if (timestampMs !== this.lastMs) flags |= LATER
    out.byte(flags)
    if (offset !== this.#next) out.uint(offset - this.#next)
    if (timestampMs !== this.lastMs) out.uint(timestampMs - this.lastMs)
    if (key !== null && (flags & SAME_KEY) === 0) {
      out.string(key)
      this.#key = key
    }
    if (headers !== null) this.#headers(headers)
    out.blob(record.value)
    this.#next = offset + 1
    this.lastMs = timestampMs
  }

  /** Begins the batch; `add` does so by itself. */
  begin(offset: number, timestampMs: number): void {
    this.#out.byte(VERSION)
    this.#out.uint(timestampMs)
    this.base = offset
    this.#next = offset
    this.lastMs = timestampMs
  }

  #headers(headers: { readonly [name: string]: string }): void {
    const names = Object.keys(headers)
    this.#out.uint(names.length)
    for (const name of names) {
      this.#out.string(name)
      this.#out.string(headers[name]!)
    }
  }
}

/**
 * The records of a batch that lie in `[from, to)`.
 * @throws {RangeError} if the bytes are not a batch
 */
export function decodeBatch(
  topic: Topic,
  partition: number,
  base: number,
  data: Uint8Array,
  from: number,
  to: number,
  into: LogRecord[],
): void {
  const input = new ByteReader(data)
  const version = input.byte()
  if (version !== VERSION)
    throw new RangeError(`batch of ${topic}/${partition} at ${base}: version ${version}, expected ${VERSION}`)
  let timestampMs = input.uint()
  let offset = base
  let lastKey: string | null = null
  while (!input.done) {
    const flags = input.byte()
    if ((flags & GAP) !== 0) offset += input.uint()
    if ((flags & LATER) !== 0) timestampMs += input.uint()
    if ((flags & KEY) !== 0 && (flags & SAME_KEY) === 0) lastKey = input.string()
    const key = (flags & KEY) === 0 ? null : lastKey
    const headers = (flags & HEADERS) === 0 ? null : readHeaders(input)
    const value = input.blob()
    if (offset >= to) return
    if (offset >= from) {
      const handled = (flags & HANDLED) !== 0
      into.push({ topic, partition, key, value, headers, handled, message: null, offset, timestampMs })
    }
    offset++
  }
}

function readHeaders(input: ByteReader): { readonly [name: string]: string } {
  const headers: [string, string][] = []
  for (let left = input.uint(); left > 0; left--) headers.push([input.string(), input.string()])
  return Object.fromEntries(headers)
}
