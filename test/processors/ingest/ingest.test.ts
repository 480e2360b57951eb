import { describe, expect, it } from 'vitest'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { submission } from '../result/scenario.ts'

const decode = (value: string | Uint8Array, headers: { [name: string]: string } | null = null) =>
  ingest.decode!({ topic: 'ingest', partition: 0, offset: 5, key: null, headers, value: Buffer.from(value) })

describe('what arrives on ingest', () => {
  it('may be JSON, with headers', () => {
    expect(decode('{"flow":"test","input":{"n":1}}', { tenant_id: 'acme' })).toEqual({
      ...submission('test', { runId: null, tenant: 'acme' as never, input: '{"n":1}' as never }),
    })
  })

  it('may be the wire form', () => {
    const record = submission('test', { idempotencyKey: 'k' })
    expect(decode(encodeRecord(record))).toEqual(record)
  })

  it.each(['', 'hello', '{"flow":', '{"flo":"test"}', '\x00\x00\x00\x00\x00'])('%j is no submission', (text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: expect.any(String) }))
  })
})
