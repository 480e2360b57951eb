import { expect, it } from 'vitest'
import { BatchWriter, decodeBatch } from '../../../connectors/log-embedded/batch-codec.ts'
import { ByteReader, ByteWriter } from '../../../connectors/log-embedded/bytes.ts'
import { decodeEntries, writeEntry } from '../../../connectors/log-embedded/changelog-codec.ts'
import type { LogRecord } from '../../../topology/log/port.ts'
import { fc } from '../../support/fast-check.ts'

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.string({ maxLength: 200 }))
const key = fc.oneof(fc.constantFrom('a', 'run-1', ''), text)
const value = fc.uint8Array({ maxLength: 300 })

it('batches round-trip, gaps and times included', () => {
  const record = fc.record({
    key: fc.option(key),
    value,
    headers: fc.option(fc.dictionary(key, text, { maxKeys: 4 })),
    handled: fc.boolean(),
    gap: fc.oneof(fc.constant(0), fc.nat(2 ** 31)),
    laterMs: fc.oneof(fc.constant(0), fc.nat(2 ** 40)),
  })
  const writer = new BatchWriter()
  fc.assert(
    fc.property(fc.array(record, { minLength: 1 }), fc.maxSafeNat(), (records, start) => {
      const base = start % 2 ** 48
      let offset = base - 1
      let timestampMs = 1_700_000_000_000
      const expected: LogRecord[] = records.map(({ gap, laterMs, headers, ...rest }, i) => {
        offset += i === 0 ? 1 : 1 + gap
        timestampMs += laterMs
        const copied = headers === null ? null : Object.fromEntries(Object.entries(headers))
        return { topic: 'events', partition: 3, ...rest, headers: copied, message: null, offset, timestampMs }
      })
      writer.clear()
      for (const each of expected) writer.add(each, each.offset, each.timestampMs)
      const decode = (from: number, to: number) => {
        const into: LogRecord[] = []
        decodeBatch('events', 3, base, new Uint8Array(writer.bytes), from, to, into)
        return into.map((each) => ({ ...each, value: new Uint8Array(each.value) }))
      }
      expect(writer.base).toBe(base)
      expect(writer.lastMs).toBe(timestampMs)
      expect(decode(0, Number.POSITIVE_INFINITY)).toEqual(expected)
      const middle = expected[records.length >> 1]!.offset
      expect(decode(middle, Number.POSITIVE_INFINITY)).toEqual(expected.filter((each) => each.offset >= middle))
      expect(decode(0, middle)).toEqual(expected.filter((each) => each.offset < middle))
    }),
  )
})

it('changelog entries round-trip', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key, value: fc.option(value) })), (entries) => {
      const out = new ByteWriter()
      for (const entry of entries) writeEntry(out, entry)
      const decoded = decodeEntries(out.bytes)
      expect(
        decoded.map((each) => ({ key: each.key, value: each.value === null ? null : new Uint8Array(each.value) })),
      ).toEqual(entries)
    }),
  )
})

it('whole numbers round-trip up to 2^53 - 1', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (number) => {
      const out = new ByteWriter()
      out.uint(number)
      const input = new ByteReader(out.bytes)
      expect(input.uint()).toBe(number)
      expect(input.done).toBe(true)
    }),
  )
})

it('says so when a batch is cut short or of an unknown version', () => {
  const writer = new BatchWriter()
  const record = { topic: 'events', partition: 0, key: 'k', value: new Uint8Array(10), headers: null } as const
  writer.add({ ...record, handled: false, message: null }, 5, 1000)
  const whole = new Uint8Array(writer.bytes)
  for (let length = 4; length < whole.length; length++) {
    expect(() => decodeBatch('events', 0, 5, whole.subarray(0, length), 0, 99, [])).toThrow(RangeError)
  }
  expect(() => decodeBatch('events', 0, 5, Uint8Array.of(9, ...whole.slice(1)), 0, 99, [])).toThrow(
    'batch of events/0 at 5: version 9, expected 1',
  )
})
