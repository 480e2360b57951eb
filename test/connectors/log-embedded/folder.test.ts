import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { openEmbeddedReader } from '../../../connectors/log-embedded/reader.ts'
import { readAll, record, texts } from '../../conformance/log/harness.ts'
import { temporaryFolder } from './harness.ts'

let folder: string
let remove: () => Promise<void>
beforeEach(async () => {
  ;({ folder, remove } = await temporaryFolder())
})
afterEach(() => remove())

const open = (partitions = 2) => openEmbeddedLog({ folder, partitions, environment: realEnvironment })

/** A log with some records, closed or killed. */
async function written(how: 'closed' | 'killed'): Promise<string> {
  const log = await open()
  for (let i = 0; i < 20; i++) await log.append([record('ingest', 0, `record ${i} ${'x'.repeat(5000)}`)])
  if (how === 'closed') await log.close()
  else await log.kill()
  return join(folder, 'log.db')
}

/** A process that appends, and prints the last text whose append was acknowledged. */
function startAppender() {
  const child = spawn(process.execPath, [new URL('./appender.ts', import.meta.url).pathname, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const reached = async (count: number) => {
    while (output.split('\n').length <= count) await once(child.stdout, 'data')
  }
  return { child, reached, acknowledged: () => output.split('\n').slice(0, -1) }
}

describe('a data folder', () => {
  it('is refused while another process has it, and free once that was killed', async () => {
    const { child, reached } = startAppender()
    await reached(1)
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      message: `the data folder ${folder} is in use by process ${child.pid}; stop that process or choose another folder`,
    })
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    await (await open()).close()
  })

  it('has every append that was acknowledged before kill -9, in order and once', async () => {
    for (let round = 0; round < 3; round++) {
      const { child, reached, acknowledged } = startAppender()
      await reached(200 + 150 * round)
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      const log = await open()
      const stored = texts(await readAll(log, 'ingest', 0)).filter((each) => each.startsWith(`${child.pid}.`))
      await log.close()
      const acked = acknowledged()
      expect(acked.length).toBeGreaterThan(100)
      expect(stored.slice(0, acked.length)).toEqual(acked)
      expect(stored).toEqual(stored.map((_, i) => `${child.pid}.${i}`))
    }
  })

  it('is refused while this process has it open', async () => {
    const log = await open()
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' })
    await log.append([record('ingest', 0, 'a')])
    await log.close()
    await (await open()).close()
  })

  it('keeps its id and its number of partitions', async () => {
    const first = await open(3)
    await first.close()
    await expect(open(4)).rejects.toMatchObject({
      code: 'PARTITIONS_DIFFER',
      message: expect.stringContaining('has 3 partitions, but 4 were asked for'),
    })
    const second = await open(3)
    expect(second.id).toBe(first.id)
    expect(first.id).toMatch(/^[0-9a-f]{32}$/)
    await second.close()
  })

  it('of a newer version is refused', async () => {
    const file = await written('closed')
    const database = new DatabaseSync(file)
    database.exec(`UPDATE meta SET value = 99 WHERE key = 'format_version'`)
    database.close()
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_NEWER',
      message: expect.stringContaining('format version 99, this Beamline knows versions up to 1'),
    })
  })

  const damages: readonly { name: string; how: 'closed' | 'killed'; damage(file: string): void; says: string }[] = [
    {
      name: 'is not a database',
      how: 'closed',
      damage: (file) => writeFileSync(file, 'this is no database at all, only text'.repeat(500)),
      says: 'not a database',
    },
    {
      name: 'is cut off',
      how: 'closed',
      damage: (file) => writeFileSync(file, readFileSync(file).subarray(0, 6000)),
      says: 'is damaged',
    },
    {
      name: 'belongs to another program',
      how: 'closed',
      damage(file) {
        writeFileSync(file, '')
        const other = new DatabaseSync(file)
        other.exec('CREATE TABLE notes (text)')
        other.close()
      },
      says: 'no Beamline log',
    },
    {
      name: 'has a page overwritten, after a crash',
      how: 'killed',
      damage(file) {
        const bytes = readFileSync(file)
        bytes.fill(0xab, 4096 * 2, 4096 * 6)
        writeFileSync(file, bytes)
      },
      says: 'is damaged',
    },
  ]
  for (const { name, how, damage, says } of damages) {
    it(`whose file ${name} is refused and left as it is`, async () => {
      const file = await written(how)
      if (how === 'killed') {
        // Everything into the database file, without the mark of an orderly end
        const database = new DatabaseSync(file)
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        database.close()
      }
      damage(file)
      const before = readFileSync(file)
      await expect(open()).rejects.toMatchObject({
        code: 'DATA_FOLDER_CORRUPT',
        message: expect.stringContaining(says),
      })
      expect(readFileSync(file).equals(before)).toBe(true)
    })
  }

  it('whose database was never written is taken as new', async () => {
    writeFileSync(join(folder, 'log.db'), '')
    const log = await open()
    await log.append([record('ingest', 0, 'a')])
    await log.close()
  })

  it('can be read from outside, while its owner runs and afterwards', async () => {
    const log = await open()
    await log.append(['a', 'b', 'c'].map((text) => record('events', 1, text, { key: text, headers: { h: text } })))
    await log.append([record('events', 1, 'd')])
    const reader = openEmbeddedReader(folder)
    const end = () => reader.ends().find(({ topic, partition }) => topic === 'events' && partition === 1)
    expect(reader.partitions).toBe(2)
    expect(reader.read('events', 1, 1, 2)).toEqual((await readAll(log, 'events', 1)).slice(1, 3).map(withoutMessage))
    expect(texts(reader.read('events', 1, 0, 100))).toEqual(['a', 'b', 'c', 'd'])
    expect(reader.read('events', 1, 4, 100)).toEqual([])
    expect(end()).toEqual({ topic: 'events', partition: 1, firstOffset: 0, nextOffset: 4 })
    await log.append([record('events', 1, 'e')])
    expect(texts(reader.read('events', 1, 4, 100))).toEqual(['e'])
    reader.close()
    await log.close()
    const later = openEmbeddedReader(folder)
    expect(texts(later.read('events', 1, 3, 100))).toEqual(['d', 'e'])
    later.close()
  })

  it('says which file is damaged, and leaves it as it is', () => {
    const file = join(folder, 'log.db')
    writeFileSync(file, 'no database at all')
    expect(() => openEmbeddedReader(folder)).toThrow(
      expect.objectContaining({
        code: 'DATA_FOLDER_CORRUPT',
        message: `the database ${file} is damaged: file is not a database; it was left as it is`,
      }),
    )
    expect(readFileSync(file, 'utf8')).toBe('no database at all')
  })
})

function withoutMessage<T extends { value: Uint8Array }>(each: T) {
  return { ...each, message: null, value: expect.objectContaining({ length: each.value.length }) }
}
