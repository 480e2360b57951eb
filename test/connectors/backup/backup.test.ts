import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backUp } from '../../../connectors/backup/backup.ts'
import { restore } from '../../../connectors/backup/restore.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { readAll, record, texts } from '../../conformance/log/harness.ts'

let root: string
let log: EmbeddedLog
const at = (...names: string[]): string => join(root, ...names)
const open = (folder: string) => openEmbeddedLog({ folder, partitions: 2, environment: realEnvironment })
const take = (destination = at('backup')) => backUp({ dataFolder: at('data'), destination, version: '1.2.3', nowMs: 5 })

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'beamline-backup-'))
  log = await open(at('data'))
  for (let i = 0; i < 50; i++) await log.append([record('ingest', i % 2, `record ${i}`)])
})
afterEach(async () => {
  await log.close()
  rmSync(root, { recursive: true, force: true })
})

describe('a backup', () => {
  it('of a log in use has all that was durable, and is another whole log once it is restored', async () => {
    const manifest = await take()
    expect(manifest).toMatchObject({
      beamline: '1.2.3',
      taken_at_ms: 5,
      log_id: log.id,
      partitions: 2,
      records: 50,
      cut: { 'ingest/0': 25, 'ingest/1': 25 },
      files: [{ name: 'log.db' }],
    })
    await log.append([record('ingest', 0, 'after the cut')])
    await restore({ source: at('backup'), dataFolder: at('restored') })
    const restored = await open(at('restored'))
    const stored = [...texts(await readAll(restored, 'ingest', 0)), ...texts(await readAll(restored, 'ingest', 1))]
    expect(restored.id).toBe(log.id)
    expect(stored.toSorted()).toEqual(Array.from({ length: 50 }, (_, i) => `record ${i}`).toSorted())
    await restored.append([record('ingest', 0, 'goes on')])
    await restored.close()
  })

  it('is one moment of the log, while records go on being appended', async () => {
    let going = true
    let acknowledged = 0
    const appending = (async () => {
      while (going) {
        // both partitions in one transaction: a copy that is no cut would have one without the other
        await log.append([record('result', 0, `pair ${acknowledged}`), record('result', 1, `pair ${acknowledged}`)])
        acknowledged += 1
      }
    })()
    for (let round = 0; round < 5; round++) {
      const before = acknowledged
      const { cut } = await take(at(`backup-${round}`))
      expect(cut['result/0']).toBe(cut['result/1'])
      expect(cut['result/0'] ?? 0).toBeGreaterThanOrEqual(before)
    }
    going = false
    await appending
  })

  it('says which blobs it names and does not have', async () => {
    const [here, away] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string]
    mkdirSync(at('data', 'blobs', 'acme', 'aa'), { recursive: true })
    writeFileSync(at('data', 'blobs', 'acme', 'aa', here), 'content')
    for (const text of [`{"a":"blob://${here}","b":["blob://${away}"]}`, `blob://${away}`, 'blob://no-hash'])
      await log.append([record('ingest', 0, text)])
    expect((await take()).blobs).toEqual({ named: 2, elsewhere: 1 })
    expect(readFileSync(at('backup', 'blobs-elsewhere.txt'), 'utf8')).toBe(`${away}\n`)
    await restore({ source: at('backup'), dataFolder: at('restored') })
    expect(existsSync(at('restored', 'blobs-elsewhere.txt'))).toBe(false)
    rmSync(at('data', 'blobs'), { recursive: true })
    expect((await take(at('second'))).blobs).toEqual({ named: 2, elsewhere: 2 })
  })

  it('has the blobs, but not what the store makes anew', async () => {
    for (const [folder, name] of [
      ['acme/ab', 'abcd'],
      ['.incoming', 'half'],
      ['.notes', 'round'],
    ] as const) {
      mkdirSync(at('data', 'blobs', folder), { recursive: true })
      writeFileSync(at('data', 'blobs', folder, name), 'content')
    }
    await take()
    await restore({ source: at('backup'), dataFolder: at('restored') })
    expect(readFileSync(at('restored', 'blobs', 'acme', 'ab', 'abcd'), 'utf8')).toBe('content')
    expect(readdirSync(at('restored', 'blobs'))).toEqual(['acme'])
  })

  it('has the files of tenants, but follows no links', async () => {
    mkdirSync(at('data', 'files', 'acme', 'in'), { recursive: true })
    writeFileSync(at('data', 'files', 'acme', 'in', 'order.txt'), 'ten')
    writeFileSync(at('secret'), 'hunter2')
    symlinkSync(at('secret'), at('data', 'files', 'acme', 'link'))
    await take()
    await restore({ source: at('backup'), dataFolder: at('restored') })
    expect(readFileSync(at('restored', 'files', 'acme', 'in', 'order.txt'), 'utf8')).toBe('ten')
    expect(existsSync(at('restored', 'files', 'acme', 'link'))).toBe(false)
  })

  it.each([
    ['a folder with something in it', () => at('data'), /lies in the data folder/],
    ['a place within the data folder', () => at('data', 'backup'), /lies in the data folder/],
    ['a file', () => at('a-file'), /is a file; expected a folder/],
    ['another folder with something in it', () => at('full'), /is not empty: it has other; expected an empty folder/],
  ])('is not written to %s', async (_name, destination, message) => {
    writeFileSync(at('a-file'), '')
    mkdirSync(at('full'))
    writeFileSync(at('full', 'other'), '')
    await expect(take(destination())).rejects.toThrow(message)
    expect(readdirSync(at('full'))).toEqual(['other'])
  })
})

describe('a restore', () => {
  const restored = () => restore({ source: at('backup'), dataFolder: at('restored') })

  it.each([
    ['is no backup', () => rmSync(at('backup', 'backup.json')), /is no backup: it has no backup\.json/],
    ['is cut short', () => rmSync(at('backup', 'log.db')), /is not whole: log\.db cannot be read: ENOENT/],
    ['was changed', () => appendFileSync(at('backup', 'log.db'), 'x'), /is damaged: log\.db has \d+ bytes/],
    ['has a broken manifest', () => writeFileSync(at('backup', 'backup.json'), '{'), /backup\.json cannot be read/],
    ['is of a later form', () => edit((manifest) => ({ ...manifest, format: 2 })), /has format 2; expected 1/],
    ['has a later log', () => edit((manifest) => ({ ...manifest, log_format: 99 })), /log of format version 99/],
    ['has no log', () => edit((manifest) => ({ ...manifest, files: [] })), /it has no log\.db/],
    [
      'leads out of its folder',
      () => edit((manifest) => ({ ...manifest, files: [{ name: '../evil', bytes: 1, sha256: 'x' }] })),
      /does not name its files/,
    ],
  ])('refuses what %s, and makes nothing', async (_name, spoil, message) => {
    await take()
    spoil()
    await expect(restored()).rejects.toThrow(message)
    expect(existsSync(at('restored'))).toBe(false)
  })

  it('refuses a folder that has anything in it, and leaves it as it is', async () => {
    await take()
    mkdirSync(at('restored'))
    writeFileSync(at('restored', 'notes'), 'mine')
    await expect(restored()).rejects.toMatchObject({ code: 'NOT_EMPTY' })
    expect(readdirSync(at('restored'))).toEqual(['notes'])
  })

  function edit(change: (manifest: object) => object): void {
    const file = at('backup', 'backup.json')
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as object)))
  }
})
