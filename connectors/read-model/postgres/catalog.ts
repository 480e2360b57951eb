/**
 * What is common to all builds: to which log the tables belong, which build serves, which one is being made, and how far each is.
 *
 * A build is `serving`; `wanted`, when somebody asked for a new one; `building`, when it has tables and is fed; `old`, when another one has taken over.
 */
import type { ClientBase } from 'pg'
import { ReadModelError } from '../../../topology/read-model/port.ts'
import { TABLES_VERSION } from '../tables.ts'
import { rowsOf } from './connection.ts'
import { MIGRATIONS, SCHEMA_VERSION, tablesOfBuild } from './tables.ts'

const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,39}$/

/** @throws {Error} for a name that is not fit for a schema */
export function checkSchemaName(schema: string): void {
  if (SCHEMA_NAME.test(schema)) return
  throw new Error(
    `the schema is ${JSON.stringify(schema)}; expected lower-case letters, digits and _, beginning with a letter, at most 40`,
  )
}

export const schemaOfBuild = (schema: string, build: number): string => `${schema}_${build}`

export interface Deployment {
  readonly schema: string
  readonly logId: string
  readonly partitions: number
}

export type BuildState = 'serving' | 'wanted' | 'building' | 'old'

export interface BuildRow {
  readonly id: number
  readonly state: BuildState
  readonly tables_version: number
}

interface MetaRow {
  readonly version: number
  readonly log_id: string
  readonly partitions: number
}

/** Makes what is missing, brings it up to date, and checks that it is ours. Only one process at a time does. @throws {ReadModelError} */
export async function migrate(client: ClientBase, deployment: Deployment): Promise<void> {
  const { schema, logId, partitions } = deployment
  await client.query('begin')
  await client.query('select pg_advisory_xact_lock(hashtext($1))', [`beamline ${schema}`])
  const there = await rowsOf(client, 'select 1 from pg_namespace where nspname = $1', [schema])
  if (there.length === 0) await client.query(`create schema ${schema}`)
  const found = await readMeta(client, schema)
  const version = found?.version ?? 0
  for (const migration of MIGRATIONS.slice(version)) await client.query(migration(schema))
  if (found === null) {
    await client.query(`insert into ${schema}.meta values ($1, $2, $3)`, [SCHEMA_VERSION, logId, partitions])
  } else {
    check(found, deployment)
    if (version < SCHEMA_VERSION) await client.query(`update ${schema}.meta set version = $1`, [SCHEMA_VERSION])
  }
  await client.query('commit')
}

/** @throws {ReadModelError} unless it is there, of this version and of this log */
export async function checkMeta(client: ClientBase, deployment: Deployment): Promise<void> {
  const { schema } = deployment
  const meta = await readMeta(client, schema)
  if (meta === null) throw notThere(schema)
  check(meta, deployment)
}

export function notThere(schema: string): ReadModelError {
  return new ReadModelError(
    'READ_MODEL_FAILED',
    `there is no read model in the schema ${schema} yet; a process with the role read-model makes it`,
  )
}

function check(meta: MetaRow, { schema, logId, partitions }: Deployment): void {
  const { version } = meta
  if (version > SCHEMA_VERSION) {
    throw new ReadModelError(
      'READ_MODEL_NEWER',
      `the read model in the schema ${schema} has version ${version}, this process knows ${SCHEMA_VERSION}; bring this process up to date`,
    )
  }
  if (meta.log_id === logId && meta.partitions === partitions) return
  const found = `the log ${meta.log_id} with ${meta.partitions} partitions`
  throw new ReadModelError(
    'READ_MODEL_FOREIGN',
    `the read model in the schema ${schema} belongs to ${found}, not to ${logId} with ${partitions}; give each deployment a schema of its own`,
  )
}

async function readMeta(client: ClientBase, schema: string): Promise<MetaRow | null> {
  const tables = 'select 1 from pg_tables where schemaname = $1 and tablename = $2'
  if ((await rowsOf(client, tables, [schema, 'meta'])).length === 0) return null
  const [meta] = await rowsOf<MetaRow>(client, `select version, log_id, partitions from ${schema}.meta`)
  return meta ?? null
}

export function listBuilds(client: ClientBase, schema: string): Promise<BuildRow[]> {
  return rowsOf(client, `select id, state, tables_version from ${schema}.builds order by id`)
}

/** Asks for a new build, unless one is under way. */
export async function wantBuild(client: ClientBase, schema: string): Promise<void> {
  await client.query('begin')
  await client.query(`lock table ${schema}.builds in exclusive mode`)
  await client.query(
    `insert into ${schema}.builds(state, tables_version) select 'wanted', $1
      where not exists (select 1 from ${schema}.builds where state in ('wanted', 'building') and tables_version >= $1)`,
    [TABLES_VERSION],
  )
  await client.query('commit')
}

/**
 * Makes the tables of a wanted build; makes a build where there is none of this version. One that replaces nothing serves at once. Returns whether there is
 * anything new.
 */
export async function prepareBuilds(client: ClientBase, { schema, partitions }: Deployment): Promise<boolean> {
  await client.query('begin')
  await client.query(`lock table ${schema}.builds in exclusive mode`)
  const live = (await listBuilds(client, schema)).filter((build) => build.state !== 'old')
  const newer = live.find((build) => build.state === 'serving' && build.tables_version > TABLES_VERSION)
  if (newer !== undefined) throw newerTables(schema, newer.tables_version)
  const ours = live.filter((build) => build.tables_version === TABLES_VERSION)
  const wanted = ours.filter((build) => build.state === 'wanted').map((build) => build.id)
  if (ours.length === 0) {
    const insert = `insert into ${schema}.builds(state, tables_version) values ('wanted', $1) returning id`
    const [row] = await rowsOf<{ id: number }>(client, insert, [TABLES_VERSION])
    wanted.push(row!.id)
  }
  const state = live.some((build) => build.state === 'serving') ? 'building' : 'serving'
  for (const id of wanted) {
    const own = schemaOfBuild(schema, id)
    await client.query(`create schema ${own}; set local search_path to ${own}; ${tablesOfBuild()}`)
    await client.query(`insert into ${schema}.positions select $1, generate_series(0, $2 - 1), 0, null`, [
      id,
      partitions,
    ])
    await client.query(`update ${schema}.builds set state = $2 where id = $1`, [id, state])
  }
  await client.query('commit')
  return wanted.length > 0
}

export function newerTables(schema: string, version: number): ReadModelError {
  return new ReadModelError(
    'READ_MODEL_NEWER',
    `the tables of the read model in the schema ${schema} have version ${version}, this process knows ${TABLES_VERSION}; bring this process up to date`,
  )
}

/**
 * Lets the build serve if it has come as far as the one that does; within the transaction that fed it, so nothing can come in between. Returns whether it
 * serves now.
 */
export async function takeOver(client: ClientBase, schema: string, build: number): Promise<boolean> {
  const behind = await rowsOf(
    client,
    `select 1 from (select partition, next_offset from ${schema}.positions join ${schema}.builds on id = build
        where state = 'serving' order by partition for update of positions) as serving
      join ${schema}.positions as own on own.build = $1 and own.partition = serving.partition
      where own.next_offset < serving.next_offset`,
    [build],
  )
  if (behind.length > 0) return false
  await client.query(`update ${schema}.builds set state = 'old' where state = 'serving' and id <> $1`, [build])
  await client.query(`update ${schema}.builds set state = 'serving' where id = $1`, [build])
  return true
}

/** Drops what served before; what is still being read is left for the next time. */
export async function dropOld(client: ClientBase, schema: string): Promise<void> {
  for (const { id, state } of await listBuilds(client, schema)) {
    if (state !== 'old') continue
    await client.query(
      `begin; set local lock_timeout to '1s'; drop schema if exists ${schemaOfBuild(schema, id)} cascade`,
    )
    await client.query(`delete from ${schema}.builds where id = $1`, [id])
    await client.query('commit')
  }
}
