/** Data folders of older formats: none exists yet, so they are made of the present one, and brought up by made-up steps. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { openFolder } from '../../../connectors/log-embedded/folder.ts'
import { inspectFolder } from '../../../connectors/log-embedded/inspect.ts'
import { writerData } from '../../../connectors/log-embedded/options.ts'
import { copyOf, upgrade } from '../../../connectors/log-embedded/upgrade.ts'
import { readAll, record, texts } from '../../conformance/log/harness.ts'
import { temporaryFolder } from './harness.ts'

let folder: string
let remove: () => Promise<void>
let file: string
const options = () => ({ folder, partitions: 1, environment: realEnvironment })

/** A closed log with a record, said to be of version 0. */
beforeEach(async () => {
  ;({ folder, remove } = await temporaryFolder())
  file = join(folder, 'log.db')
  const log = await openEmbeddedLog(options())
  await log.append([record('ingest', 0, 'old')])
  await log.close()
  change(`UPDATE meta SET value = 0 WHERE key = 'format_version'`)
})
afterEach(() => remove())

function change(sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

function one(path: string, sql: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true })
  const row = database.prepare(sql).get()
  database.close()
  return row === undefined ? undefined : Object.values(row)[0]
}

const VERSION = `SELECT value FROM meta WHERE key = 'format_version'`

it('one that no step leads on from is refused, and left alone', async () => {
  const before = readFileSync(file)
  await expect(openEmbeddedLog(options())).rejects.toMatchObject({
    code: 'DATA_FOLDER_OLDER',
    message: expect.stringMatching(
      /has format version 0, this Beamline reads version 1 and cannot make version 1 of 0; it was left as it is/,
    ),
  })
  expect(readFileSync(file).equals(before)).toBe(true)
  expect(existsSync(copyOf(file, 0))).toBe(false)
  expect(inspectFolder(folder)).toMatchObject({ kind: 'log', version: 0, knownVersion: 1, owner: null })
})

it('one that can be brought up is, with a copy of how it was', async () => {
  const upgrades = new Map([[0, `CREATE TABLE added (n INTEGER); INSERT INTO added VALUES (7)`]])
  openFolder(writerData(options()), upgrades).close()
  expect([one(file, VERSION), one(file, 'SELECT n FROM added')]).toEqual([1, 7])
  expect(one(copyOf(file, 0), VERSION)).toBe(0)
  expect(one(copyOf(file, 0), `SELECT 1 FROM sqlite_schema WHERE name = 'added'`)).toBeUndefined()
  const log = await openEmbeddedLog(options())
  expect(texts(await readAll(log, 'ingest', 0))).toEqual(['old'])
  await log.close()
})

it('several steps are taken as one', () => {
  const steps = new Map([
    [0, 'CREATE TABLE first (n)'],
    [1, 'CREATE TABLE second (n)'],
  ])
  upgrade(file, 0, steps, 2)
  expect(one(file, VERSION)).toBe(2)
  expect(one(file, `SELECT count(*) FROM sqlite_schema WHERE name IN ('first', 'second')`)).toBe(2)
})

it('a step that fails leaves the database as it was, and its copy', () => {
  const steps = new Map([
    [0, 'CREATE TABLE first (n)'],
    [1, 'INSERT INTO nowhere VALUES (1)'],
  ])
  expect(() => upgrade(file, 0, steps, 2)).toThrow(
    /could not be brought from format version 0 to 2: no such table: nowhere/,
  )
  expect(one(file, VERSION)).toBe(0)
  expect(one(file, `SELECT 1 FROM sqlite_schema WHERE name = 'first'`)).toBeUndefined()
  expect(one(copyOf(file, 0), VERSION)).toBe(0)
})

it('a copy from an earlier try is not overwritten', () => {
  expect(() => upgrade(file, 0, new Map([[0, 'broken']]), 1)).toThrow(/broken/)
  change('CREATE TABLE later (n)')
  upgrade(file, 0, new Map([[0, 'CREATE TABLE first (n)']]), 1)
  expect(one(copyOf(file, 0), `SELECT 1 FROM sqlite_schema WHERE name = 'later'`)).toBeUndefined()
})
