import { describe, expect, test } from 'vitest'
import { PayloadLost } from '../../../processors/turn.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import { Payloads } from '../../../topology/blobs/payloads.ts'
import { type BlobStore, BlobStoreError } from '../../../topology/blobs/port.ts'
import { fetchPayloads } from '../../../topology/task/fetch-payloads.ts'
import { VirtualEnvironment } from '../executor/support.ts'

const tenant = 'acme' as TenantId

/** What a payload is after so many milliseconds at most, from a place that answers like this. */
async function fetched(read: BlobStore['read'], ms: number): Promise<JsonText | PayloadLost | undefined> {
  const environment = new VirtualEnvironment()
  const into = new Map<string, JsonText | PayloadLost>()
  const wanted = new Map([['a', { tenant, hash: 'a'.repeat(64) }]])
  void fetchPayloads(new Payloads({ read } as BlobStore), environment, wanted, into)
  await environment.advance(ms)
  return into.get('a')
}

describe('a payload', () => {
  test('that a place never answers for is given up after a minute', async () => {
    const never = (): Promise<never> => new Promise(() => {})
    expect(await fetched(never, 59_000)).toBeUndefined()
    expect(await fetched(never, 60_100)).toMatchObject({
      code: 'BLOBS_UNAVAILABLE',
      message: expect.stringContaining('was not given within 60 s'),
    })
  })

  test('whose content stops coming is given up too', async () => {
    async function* stalled(): AsyncIterable<Uint8Array> {
      yield Buffer.from('{')
      await new Promise(() => {})
    }
    expect(await fetched(async () => stalled(), 60_100)).toBeInstanceOf(PayloadLost)
  })

  test('that is not there is lost at once, one that cannot be reached is tried again', async () => {
    const missing = async () => Promise.reject(new BlobStoreError('BLOB_NOT_FOUND', 'none'))
    expect(await fetched(missing, 0)).toMatchObject({ code: 'BLOB_NOT_FOUND' })
    let calls = 0
    const away = async () => {
      calls++
      throw new BlobStoreError('BLOBS_UNAVAILABLE', 'away')
    }
    expect(await fetched(away, 1_000)).toBeUndefined()
    expect(calls).toBeGreaterThan(2)
    expect(await fetched(away, 60_100)).toMatchObject({ code: 'BLOBS_UNAVAILABLE', message: 'away' })
  })
})
