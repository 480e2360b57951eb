import { describe, expect, test } from 'vitest'
import {
  decodeIngest,
  parsedInputOf,
  parseSubmission,
  type SubmissionContext,
  SubmissionError,
} from '../../../schemas/codec/ingest-json.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { Json, JsonText } from '../../../schemas/json.ts'
import type { SubmitRun } from '../../../schemas/records/ingest.ts'
import { fc } from '../../support/fast-check.ts'

const context: SubmissionContext = { headers: null, defaultTenant: 'default' as TenantId, nowMs: 1_000 }
const RUN_ID = '3f2a0000-0000-8000-8000-000000000001'
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const full = {
  flow: 'order',
  version: 3,
  input: { b: [1, 'é'], a: null },
  idempotency_key: 'k',
  sticky_key: 's',
  priority: 9,
  metadata: { owner: 'x' },
  tenant: 'acme',
  run_id: RUN_ID,
  traceparent: TRACE,
}
const fullRecord: SubmitRun = {
  kind: 'SubmitRun',
  runId: RUN_ID as SubmitRun['runId'],
  tenant: 'acme' as TenantId,
  flow: 'order',
  version: 3,
  input: '{"b":[1,"é"],"a":null}' as JsonText,
  idempotencyKey: 'k',
  stickyKey: 's',
  priority: 9,
  metadata: '{"owner":"x"}' as JsonText,
  traceparent: TRACE,
  replyTo: null,
  submittedAtMs: 1_000,
  replay: null,
}

describe('a submission in JSON', () => {
  test('with every field, as bytes or parsed', () => {
    expect(parseSubmission(bytes(full), context)).toEqual(fullRecord)
    expect(parseSubmission(full as Json, context)).toEqual(fullRecord)
  })

  test('with the flow only', () => {
    expect(parseSubmission(bytes({ flow: 'a' }), context)).toEqual({
      ...fullRecord,
      runId: null,
      tenant: 'default',
      flow: 'a',
      version: null,
      input: 'null',
      idempotencyKey: null,
      stickyKey: null,
      priority: null,
      metadata: null,
      traceparent: null,
    })
  })

  test('headers beat the payload', () => {
    const other = '00-11111111111111111111111111111111-2222222222222222-00'
    const headers = { tenant_id: 'b', idempotency_key: 'h', traceparent: other, unrelated: 'x' }
    const record = parseSubmission(bytes(full), { ...context, headers })
    expect(record).toEqual({ ...fullRecord, tenant: 'b', idempotencyKey: 'h', traceparent: other })
  })

  test.each([
    [{ tenant_id: 'a b' }, "header tenant_id is 'a b'; expected"],
    [{ tenant_id: '' }, "header tenant_id is ''; expected"],
    [{ idempotency_key: '' }, "header idempotency_key is ''; expected 1 to 256 characters"],
    [{ idempotency_key: 'x'.repeat(257) }, 'header idempotency_key is'],
  ])('a header that cannot be obeyed is refused by its name: %j', (headers, message) => {
    expect(() => parseSubmission(bytes(full), { ...context, headers })).toThrow(message)
  })

  test('a trace header that is none is passed over', () => {
    expect(parseSubmission(bytes(full), { ...context, headers: { traceparent: 'x' } }).traceparent).toBe(TRACE)
  })

  test('__proto__ in the payload is data and changes no object', () => {
    const record = parseSubmission(Buffer.from('{"flow":"a","input":{"__proto__":{"x":1}}}'), context)
    expect(record.input).toBe('{"__proto__":{"x":1}}')
    expect(({} as { x?: number }).x).toBeUndefined()
  })

  test('every input comes back as it went in', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (input) => {
        const record = parseSubmission(bytes({ flow: 'a', input }), context)
        expect(JSON.parse(record.input)).toEqual(JSON.parse(JSON.stringify(input)))
      }),
    )
  })
})

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`

describe('refused', () => {
  test.each<[string, string | Buffer, string, string, RegExp]>([
    [
      'malformed JSON',
      '{"flow": "a",\n "input": }',
      'INVALID_JSON',
      '',
      /found '}' at line 2, column 11; expected a value/,
    ],
    ['no object', '[1]', 'NOT_A_SUBMISSION', '', /no JSON object/],
    ['an unknown field', '{"flow":"a","inputs":1}', 'UNKNOWN_FIELD', 'inputs', /did you mean 'input'/],
    ['__proto__ as a field', '{"flow":"a","__proto__":{}}', 'UNKNOWN_FIELD', '__proto__', /unknown field/],
    ['constructor as a field', '{"flow":"a","constructor":{}}', 'UNKNOWN_FIELD', 'constructor', /unknown field/],
    ['no flow', '{"input":1}', 'MISSING_FIELD', 'flow', /expected the name of a flow/],
    ['a flow that is no name', '{"flow":"a/b"}', 'INVALID_FIELD', 'flow', /'a\/b'; expected/],
    [
      'a version that is none',
      '{"flow":"a","version":"1"}',
      'INVALID_FIELD',
      'version',
      /'1'; expected a whole number/,
    ],
    ['version 0', '{"flow":"a","version":0}', 'INVALID_FIELD', 'version', /from 1/],
    ['a priority out of range', '{"flow":"a","priority":10}', 'INVALID_FIELD', 'priority', /10; expected .* 0 to 9/],
    [
      'a run id that is none',
      '{"flow":"a","run_id":"none"}',
      'INVALID_FIELD',
      'run_id',
      /'none'; expected a lower-case UUID/,
    ],
    ['a tenant that is none', '{"flow":"a","tenant":"a b"}', 'INVALID_FIELD', 'tenant', /'a b'; expected/],
    ['an empty key', '{"flow":"a","idempotency_key":""}', 'INVALID_FIELD', 'idempotency_key', /1 to 256/],
    [
      'a long key',
      JSON.stringify({ flow: 'a', sticky_key: 'x'.repeat(257) }),
      'INVALID_FIELD',
      'sticky_key',
      /1 to 256/,
    ],
    ['half a pair in a key', '{"flow":"a","sticky_key":"\\ud800"}', 'INVALID_FIELD', 'sticky_key', /characters/],
    [
      'metadata that is a list',
      '{"flow":"a","metadata":[]}',
      'INVALID_FIELD',
      'metadata',
      /a list; expected a JSON object/,
    ],
    [
      'large metadata',
      JSON.stringify({ flow: 'a', metadata: { a: 'é'.repeat(8_190) } }),
      'TOO_LARGE',
      'metadata',
      /16388 bytes/,
    ],
    ['a large input', JSON.stringify({ flow: 'a', input: 'x'.repeat(1 << 20) }), 'TOO_LARGE', 'input', /1048578 bytes/],
    ['a large body', Buffer.alloc(3 << 20, ' '), 'TOO_LARGE', '', /3145728 bytes/],
    ['a trace parent that is none', '{"flow":"a","traceparent":"x"}', 'INVALID_FIELD', 'traceparent', /W3C/],
    ['invalid UTF-8', Buffer.from('{"flow":"\xff"}', 'latin1'), 'INVALID_UTF8', '', /at byte 9/],
    [
      'half a pair in the input',
      '{"flow":"a","input":["\\ud800"]}',
      'LONE_SURROGATE',
      'input',
      /half of a surrogate pair/,
    ],
    ['half a pair in a name', '{"flow":"a","input":{"\\udfff":1}}', 'LONE_SURROGATE', 'input', /half/],
    ['10,000 levels', `{"flow":"a","input":${nested(10_000)}}`, 'TOO_DEEP', 'input', /deeper than 100 levels/],
    ['10,000 levels that do not end', '{"flow":'.repeat(10_000), 'TOO_DEEP', '', /deeper than 100 levels at byte 800/],
  ])('%s', (_, source, code, path, message) => {
    const parse = () => parseSubmission(Buffer.from(source), context)
    expect(parse).toThrow(SubmissionError)
    expect(parse).toThrow(expect.objectContaining({ code, path, message: expect.stringMatching(message) }))
  })

  test('what only looks like half a pair is not', () => {
    expect(parseSubmission(bytes({ flow: 'a', input: '\\ud800' }), context).input).toBe('"\\\\ud800"')
  })

  test('parsed JSON of 10,000 levels', () => {
    const parse = () => parseSubmission({ flow: 'a', input: JSON.parse(nested(10_000)) as Json }, context)
    expect(parse).toThrow(expect.objectContaining({ code: 'TOO_DEEP', path: 'input' }))
  })
})

describe('a record of ingest', () => {
  test('is JSON or Avro', () => {
    expect(decodeIngest(Buffer.from(`\n ${JSON.stringify(full)}`), context)).toEqual(fullRecord)
    expect({ ...decodeIngest(encodeRecord(fullRecord), context) }).toEqual(fullRecord)
  })

  test('in Avro keeps who waits for it, what it replays and when it was submitted', () => {
    const record: SubmitRun = {
      ...fullRecord,
      submittedAtMs: 77,
      replyTo: { partition: 2, correlation: 'c' },
      replay: { of: RUN_ID as NonNullable<SubmitRun['runId']>, replayId: 'r', letterId: 'l', completed: [] },
    }
    const decoded = decodeIngest(encodeRecord(record), context)
    expect(structuredClone(decoded)).toEqual(record)
  })

  test.each([
    ['without escapes', 'x'.repeat(9_000)],
    ['with escapes', `"\\\n\u0001${'x'.repeat(9_000)}`],
    ['with pairs of surrogates', '\ud83d\ude00'.repeat(5_000)],
  ])('may be large, %s', (_, text) => {
    const input = { 7: 1, b: [text, { c: text }], text, a: 1e21 }
    const bytes = Buffer.from(JSON.stringify({ flow: 'f', input }, null, 2))
    const submitted = parseSubmission(bytes, context)
    expect(submitted.input === JSON.stringify(input)).toBe(true)
    const loose = { ...submitted, input: JSON.stringify(input, null, 1) as JsonText }
    expect((decodeIngest(encodeRecord(loose), context) as SubmitRun).input === JSON.stringify(input)).toBe(true)
  })

  test('in Avro gives its input parsed, as often as it is asked for', () => {
    const decoded = decodeIngest(encodeRecord(fullRecord), context) as SubmitRun
    expect(parsedInputOf(decoded)?.value).toEqual(JSON.parse(fullRecord.input))
    expect(parsedInputOf({ ...decoded })).toBeNull()
    expect(parsedInputOf(fullRecord)).toBeNull()
  })

  test('in Avro obeys headers too', () => {
    const headers = { tenant_id: 'b', idempotency_key: 'h' }
    expect(decodeIngest(encodeRecord(fullRecord), { ...context, headers })).toMatchObject({
      tenant: 'b',
      idempotencyKey: 'h',
    })
  })

  test('may be a command to cancel', () => {
    const none = { reason: null, requestedBy: null, replyTo: null }
    const cancel = {
      kind: 'CancelRun',
      runId: RUN_ID as RunId,
      tenant: 'acme' as TenantId,
      force: false,
      ...none,
    } as const
    expect({ ...decodeIngest(encodeRecord(cancel), context) }).toEqual(cancel)
  })

  test.each<[string, Uint8Array, string]>([
    ['nothing', Buffer.alloc(0), 'RECORD_EMPTY'],
    ['text', Buffer.from('hello'), 'RECORD_NOT_AVRO'],
    ['JSON that is no submission', Buffer.from('{"a":1}'), 'UNKNOWN_FIELD'],
    ['Avro of an unknown schema', Buffer.from([0, 0, 0, 0xff, 1, 2]), 'SCHEMA_UNKNOWN'],
    [
      'another record',
      encodeRecord({ kind: 'CancelStep', runId: RUN_ID, stepId: 'a', attempt: 1 } as never),
      'NOT_A_SUBMISSION',
    ],
    ['Avro with a run id that is none', encodeRecord({ ...fullRecord, runId: 'x' as never }), 'INVALID_FIELD'],
    ['Avro whose input is not JSON', encodeRecord({ ...fullRecord, input: '{' as JsonText }), 'INVALID_JSON'],
    [
      'Avro whose input is 10,000 levels deep',
      encodeRecord({ ...fullRecord, input: nested(10_000) as JsonText }),
      'TOO_DEEP',
    ],
  ])('that is %s is refused', (_, value, code) => {
    expect(() => decodeIngest(value, context)).toThrow(expect.objectContaining({ code }))
  })
})
