import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LocalFolder } from '../../../connectors/blobs/local-folder.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { blobStoreSuite, chunks, collect } from '../../conformance/blobs/suite.ts'

const TENANT = 'acme' as TenantId
let folder: string

blobStoreSuite('blobs in a folder', async () => {
  const own = await mkdtemp(join(tmpdir(), 'blobs-'))
  return { store: await LocalFolder.open(own, realEnvironment), close: () => rm(own, { recursive: true }) }
})

describe('the folder of blobs', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blobs-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const bytes = randomBytes(1_000)
  const put = (store: LocalFolder) => store.put(TENANT, chunks(bytes), { type: null, maxBytes: 10_000 })

  it('gives back a blob whose removal was cut off by a crash', async () => {
    const { hash } = await put(await LocalFolder.open(folder, realEnvironment))
    const file = join(folder, TENANT, hash.slice(0, 2), hash)
    await rename(file, `${file}.gone`)
    const store = await LocalFolder.open(folder, realEnvironment)
    expect((await collect(await store.read(TENANT, hash))).equals(bytes)).toBe(true)
    expect(await readdir(join(folder, TENANT, hash.slice(0, 2)))).toEqual([hash])
  })

  it('reads a blob while it is being removed', async () => {
    const store = await LocalFolder.open(folder, realEnvironment)
    const { hash } = await put(store)
    const file = join(folder, TENANT, hash.slice(0, 2), hash)
    await rename(file, `${file}.gone`)
    expect((await collect(await store.read(TENANT, hash))).equals(bytes)).toBe(true)
  })

  it('keeps a content that is stored again, as long as if it were new', async () => {
    const store = await LocalFolder.open(folder, realEnvironment)
    const { hash } = await put(store)
    await utimes(join(folder, TENANT, hash.slice(0, 2), hash), 1, 1)
    await put(store)
    expect(await store.removeUnlessStoredSince(TENANT, hash, realEnvironment.now() - 60_000)).toBe(false)
  })

  it('leaves nothing behind of what was not stored, and lets old remains of a dead process go', async () => {
    const incoming = join(folder, '.incoming')
    const store = await LocalFolder.open(folder, realEnvironment)
    await expect(store.put(TENANT, chunks(bytes), { type: null, maxBytes: 10 })).rejects.toMatchObject({
      code: 'BLOB_TOO_LARGE',
    })
    expect(await readdir(incoming)).toEqual([])
    await writeFile(join(incoming, 'old'), 'half')
    await writeFile(join(incoming, 'new'), 'half')
    await utimes(join(incoming, 'old'), 1, 1)
    await LocalFolder.open(folder, realEnvironment)
    expect(await readdir(incoming)).toEqual(['new'])
  })

  it('says so when the folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(LocalFolder.open(join(folder, 'file'), realEnvironment)).rejects.toMatchObject({
      code: 'BLOBS_UNAVAILABLE',
    })
  })

  it('says so when a file is damaged', async () => {
    const store = await LocalFolder.open(folder, realEnvironment)
    const { hash } = await put(store)
    await writeFile(join(folder, TENANT, hash.slice(0, 2), hash), '')
    await expect(store.head(TENANT, hash)).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' })
  })
})
