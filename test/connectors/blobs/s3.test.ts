/** Against a real server of its own process; it refuses what is not signed with its key. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { S3Bucket, type S3Options } from '../../../connectors/blobs/s3.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { TOUCH_SLACK_MS } from '../../../topology/blobs/port.ts'
import type { Environment } from '../../../topology/environment.ts'
import { all, blobStoreSuite, chunks } from '../../conformance/blobs/suite.ts'
import { type OnRequest, S3_KEY, S3_SECRET, type S3Server, startS3 } from '../../support/s3.ts'

let server: S3Server
let folder: string
let endpoint: string
/** Of the test that runs. */
let onRequest: OnRequest = () => {}

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
  server = await startS3(join(folder, 'data'), 'blobs', (method, path) => onRequest(method, path))
  endpoint = server.endpoint
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

afterEach(() => {
  onRequest = () => {}
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

describe('a content that is stored while it is removed', () => {
  const tenant = 't' as TenantId
  const content = Buffer.from('wanted again')
  const put = (store: S3Bucket) => store.put(tenant, chunks(content), { type: null, maxBytes: 100 })
  const isBlob = (path: string): boolean => path.includes('/blobs/t/')
  const isMark = (path: string): boolean => path.includes('/removing/t/')

  async function race(prefix: string) {
    const remover = await S3Bucket.open(optionsOf({ prefix, spoolFolder: join(folder, 'a') }), realEnvironment)
    // what was stored longer ago is stored again
    let aheadMs = TOUCH_SLACK_MS * 2
    const clock: Environment = { ...realEnvironment, now: () => realEnvironment.now() + aheadMs }
    const writer = await S3Bucket.open(optionsOf({ prefix, spoolFolder: join(folder, 'b') }), clock)
    const { hash } = await put(remover)
    const catchUp = (): void => {
      aheadMs = 0
    }
    const remove = () => remover.removeUnlessStoredSince(tenant, hash, realEnvironment.now() + 60_000)
    return { remover, writer, hash, remove, catchUp }
  }

  it('is stored again if it came after the look and before the removal', async () => {
    const { remover, writer, hash, remove, catchUp } = await race('late/')
    const uploads: string[] = []
    const looksForMark = Promise.withResolvers<void>()
    const removesBlob = Promise.withResolvers<void>()
    onRequest = async (method, path) => {
      if (method === 'DELETE' && isBlob(path)) {
        removesBlob.resolve()
        // the writer has stored the content and sees the mark before it is taken away again
        await looksForMark.promise
      }
      if (method === 'PUT' && isBlob(path)) {
        uploads.push(path)
        catchUp()
      }
      if (method === 'HEAD' && isMark(path)) looksForMark.resolve()
    }
    const removing = remove()
    await removesBlob.promise
    const storing = put(writer)
    expect(await removing).toBe(true)
    await storing
    expect(uploads.length).toBeGreaterThan(1)
    expect(await remover.head(tenant, hash)).toMatchObject({ hash })
  })

  it('is not removed if it came before the look', async () => {
    const { remover, writer, hash, catchUp } = await race('early/')
    const before = realEnvironment.now() - 60_000
    const marked = Promise.withResolvers<void>()
    const stored = Promise.withResolvers<void>()
    let looks = 0
    onRequest = async (method, path) => {
      if (method === 'PUT' && isBlob(path)) catchUp()
      // the remover looks first, for it alone has asked for the blob so far
      if (method === 'HEAD' && isBlob(path) && looks++ === 0) {
        marked.resolve()
        await stored.promise
      }
    }
    const removing = remover.removeUnlessStoredSince(tenant, hash, before)
    await marked.promise
    const storing = put(writer)
    // it waits for the mark to go
    await expect.poll(() => looks).toBeGreaterThan(1)
    stored.resolve()
    expect(await removing).toBe(false)
    await storing
    expect(await remover.head(tenant, hash)).toMatchObject({ hash })
  })
})

describe('a bucket that does not answer', () => {
  const tenant = 't' as TenantId
  const silent = (): Promise<void> => new Promise(() => {})

  it.each<readonly [string, (store: S3Bucket, hash: string) => Promise<unknown>]>([
    ['head', (store, hash) => store.head(tenant, hash)],
    ['read', (store, hash) => store.read(tenant, hash)],
    ['put', (store) => store.put(tenant, chunks(Buffer.from('y')), { type: null, maxBytes: 10 })],
    ['list', (store) => all(store.list())],
    ['putNote', (store) => store.putNote('round-1', 'x')],
    ['removeUnlessStoredSince', (store, hash) => store.removeUnlessStoredSince(tenant, hash, 1)],
  ])('%s is given up, and says why', async (_name, ask) => {
    const patient = await S3Bucket.open(optionsOf({ prefix: 'silent/' }), realEnvironment)
    const { hash } = await patient.put(tenant, chunks(Buffer.from('x')), { type: null, maxBytes: 10 })
    const store = await S3Bucket.open(optionsOf({ prefix: 'silent/', silentMs: 3_000 }), realEnvironment)
    onRequest = silent
    await expect(ask(store, hash)).rejects.toMatchObject({
      code: 'BLOBS_UNAVAILABLE',
      message: expect.stringMatching(/nothing was heard for 3000 ms/),
    })
  })
})
