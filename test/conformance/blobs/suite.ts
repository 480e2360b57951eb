/** What every place for blobs must do. */
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TenantId } from '../../../schemas/ids.ts'
import { type BlobStore, BlobStoreError } from '../../../topology/blobs/port.ts'

export interface BlobStoreUnderTest {
  readonly store: BlobStore
  close(): Promise<void>
}

const ONE = 'tenant-one' as TenantId
const TWO = 'tenant-two' as TenantId
const MIB = 1 << 20

export async function* chunks(bytes: Uint8Array, size = 10_000): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export function blobStoreSuite(name: string, open: () => Promise<BlobStoreUnderTest>): void {
  describe(name, () => {
    let under: BlobStoreUnderTest
    let store: BlobStore
    beforeAll(async () => {
      under = await open()
      store = under.store
    })
    afterAll(() => under.close())

    const put = (tenant: TenantId, bytes: Uint8Array, type: string | null = null, maxBytes = 64 * MIB) =>
      store.put(tenant, chunks(bytes), { type, maxBytes })

    it.each([0, 1, 9_999, 10_000, 65_536, 3 * MIB + 1])('stores %i bytes and gives them back', async (length) => {
      const bytes = randomBytes(length)
      const stored = await put(ONE, bytes, 'image/png')
      expect(stored).toEqual({ hash: sha256(bytes), sizeBytes: length, type: 'image/png' })
      expect(await store.head(ONE, stored.hash)).toEqual(stored)
      expect((await collect(await store.read(ONE, stored.hash))).equals(bytes)).toBe(true)
    })

    it('gives ranges', async () => {
      const bytes = randomBytes(200_000)
      const { hash } = await put(ONE, bytes)
      for (const [from, to] of [
        [0, 1],
        [65_530, 65_550],
        [199_999, 200_000],
        [0, 200_000],
      ] as const) {
        expect((await collect(await store.read(ONE, hash, { from, to }))).equals(bytes.subarray(from, to))).toBe(true)
      }
    })

    it('keeps tenants apart', async () => {
      const { hash } = await put(ONE, randomBytes(100))
      expect(await store.head(TWO, hash)).toBeNull()
      await expect(store.read(TWO, hash)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' })
    })

    it('knows a content again, with the type it had first', async () => {
      const bytes = randomBytes(100)
      const first = await put(ONE, bytes, 'text/plain')
      expect(await put(ONE, bytes, 'image/png')).toEqual(first)
    })

    it('refuses what is too long and keeps nothing of it', async () => {
      const bytes = randomBytes(1_001)
      await expect(put(ONE, bytes, null, 1_000)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' })
      expect(await store.head(ONE, sha256(bytes))).toBeNull()
      expect((await put(ONE, bytes, null, 1_001)).sizeBytes).toBe(1_001)
    })

    it('stores nothing of a content that breaks off', async () => {
      async function* broken(): AsyncIterable<Uint8Array> {
        yield randomBytes(10)
        throw new Error('the client is gone')
      }
      const before = (await all(store.list())).length
      await expect(store.put(ONE, broken(), { type: null, maxBytes: MIB })).rejects.toThrow('the client is gone')
      expect((await all(store.list())).length).toBe(before)
    })

    it('ends with the reason of its signal', async () => {
      const controller = new AbortController()
      async function* endless(): AsyncIterable<Uint8Array> {
        for (let i = 0; ; i++) {
          if (i === 3) controller.abort(new Error('enough'))
          yield randomBytes(1_000)
        }
      }
      const options = { type: null, maxBytes: 1_000 * MIB, signal: controller.signal }
      await expect(store.put(ONE, endless(), options)).rejects.toThrow('enough')
    })

    it.each(['', 'x'.repeat(64), '../../etc/passwd', 'A'.repeat(64)])('has no blob of the name %j', async (hash) => {
      await expect(store.read(ONE, hash)).rejects.toThrow(BlobStoreError)
    })

    it('lists what there is and removes what is old', async () => {
      const { hash } = await put(TWO, randomBytes(50))
      const listed = (await all(store.list())).filter((blob) => blob.tenant === TWO && blob.hash === hash)
      expect(listed).toHaveLength(1)
      const { storedAtMs } = listed[0]!
      expect(await store.removeUnlessStoredSince(TWO, hash, storedAtMs)).toBe(false)
      expect(await store.head(TWO, hash)).not.toBeNull()
      expect(await store.removeUnlessStoredSince(TWO, hash, storedAtMs + 60_000)).toBe(true)
      expect(await store.head(TWO, hash)).toBeNull()
      expect(await store.removeUnlessStoredSince(TWO, hash, storedAtMs + 60_000)).toBe(true)
    })

    it('never loses a content that is stored while it is removed', async () => {
      const bytes = randomBytes(5_000)
      for (let round = 0; round < 20; round++) {
        const { hash } = await put(ONE, bytes)
        const [, stored] = await Promise.all([store.removeUnlessStoredSince(ONE, hash, 1), put(ONE, bytes)])
        expect(await store.head(ONE, stored.hash)).not.toBeNull()
      }
    })

    it('keeps notes', async () => {
      await store.putNote('round-1', 'first')
      await store.putNote('round-1', 'second')
      await store.putNote('round-2', '')
      expect((await all(store.notes())).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
        { name: 'round-1', text: 'second' },
        { name: 'round-2', text: '' },
      ])
    })
  })
}
