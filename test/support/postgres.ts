/** For tests that want a real Postgres. */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type PostgresCluster, startPostgres } from '../../load/postgres/cluster.ts'
import { findPostgres } from '../../load/postgres/find-postgres.ts'
import type { PostgresAnswer } from './postgres-setup.ts'

export interface TestPostgres {
  /** Makes a database of its own and returns its address. */
  database(): Promise<string>
}

/**
 * A `describe` whose tests share the run's Postgres; to be awaited at the top of the file. Where none can be had the tests are skipped, with `CI=true` they
 * fail.
 */
export async function describeWithPostgres(name: string, body: (postgres: TestPostgres) => void): Promise<void> {
  const postgres = await testPostgres()
  if (postgres === null) skip(name, () => body({ database: async () => '' }))
  else describe(name, () => body(postgres))
}

/** The run's Postgres; `null` if there is none and tests may do without. @throws if it does not start, or is missing with `CI=true` */
export async function testPostgres(): Promise<TestPostgres | null> {
  const answer = (await (await fetch(inject('postgresService'))).json()) as PostgresAnswer
  if ('failed' in answer) throw new Error(`the Postgres for tests could not be started: ${answer.failed}`)
  if (!('missing' in answer)) return { database: () => newDatabase(answer.url) }
  if (process.env['CI'] === 'true') throw new Error(`tests want a Postgres: ${answer.missing}`)
  return null
}

/** A `describe` with a server of its own, for tests that end it. */
export async function describeWithPostgresOfItsOwn(
  name: string,
  body: (cluster: () => PostgresCluster) => void,
): Promise<void> {
  let cluster: PostgresCluster | null = null
  const get = (): PostgresCluster => {
    if (cluster === null) throw new Error('the server is there for hooks and tests only')
    return cluster
  }
  if ((await findPostgres()) === null) {
    if (process.env['CI'] === 'true') throw new Error(`tests of '${name}' want initdb and postgres on this machine`)
    skip(name, () => body(get))
    return
  }
  describe(name, () => {
    beforeAll(async () => {
      cluster = await startPostgres()
    })
    afterAll(() => cluster?.stop())
    body(get)
  })
}

function skip(name: string, body: () => void): void {
  console.warn(`*** SKIPPED: ${name}: no Postgres ***`)
  describe.skip(name, body)
}

async function newDatabase(server: string): Promise<string> {
  const name = `beamline_test_${randomBytes(6).toString('hex')}`
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
