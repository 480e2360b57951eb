/** Against a real server of its own process; it refuses what is not signed with its key. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { S3Bucket, type S3Options } from '../../../connectors/blobs/s3.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { all, blobStoreSuite, chunks } from '../../conformance/blobs/suite.ts'
import { S3_KEY, S3_SECRET, type S3Server, startS3 } from '../../support/s3.ts'

let server: S3Server
let folder: string
let endpoint: string

const optionsOf = (more: Partial<S3Options> = {}): S3Options => ({
  endpoint,
  bucket: 'blobs',
  accessKey: S3_KEY,
  secretKey: S3_SECRET,
  spoolFolder: join(folder, 'spool'),
  ...more,
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-'))
  server = await startS3(join(folder, 'data'), 'blobs')
  endpoint = server.endpoint
}, 30_000)

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

blobStoreSuite('blobs in a bucket', async () => {
  const store = await S3Bucket.open(optionsOf({ prefix: 'a/' }), realEnvironment)
  return { store, close: () => store.close() }
})

describe('the bucket of blobs', () => {
  it.each([
    ['a wrong key', { secretKey: 'wrong' }, /Signature|Forbidden|AccessDenied|403/],
    ['another bucket', { bucket: 'missing' }, /no bucket 'missing'/],
    ['no server', { endpoint: 'http://127.0.0.1:1' }, /ECONNREFUSED/],
  ])('says what is wrong with %s', async (_name, more, message) => {
    const opened = S3Bucket.open(optionsOf(more), realEnvironment)
    await expect(opened).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE', message: expect.stringMatching(message) })
  })

  it('keeps what has another prefix apart', async () => {
    const one = await S3Bucket.open(optionsOf({ prefix: 'one/' }), realEnvironment)
    const two = await S3Bucket.open(optionsOf({ prefix: 'two/' }), realEnvironment)
    const { hash } = await one.put('t' as TenantId, chunks(Buffer.from('x')), { type: null, maxBytes: 10 })
    expect(await two.head('t' as TenantId, hash)).toBeNull()
    expect(await all(two.list())).toEqual([])
  })
})
