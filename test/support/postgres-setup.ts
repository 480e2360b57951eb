/** Vitest's global setup: offers one Postgres to all tests of the run. It starts when the first test asks for it, over HTTP, and ends with the run. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { type PostgresCluster, startPostgres } from '../../load/postgres/cluster.ts'
import { findPostgres } from '../../load/postgres/find-postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the Postgres of this run is asked for. */
    readonly postgresService: string
  }
}

/** What tests are told. */
export type PostgresAnswer = { readonly url: string } | { readonly missing: string } | { readonly failed: string }

interface Offered {
  readonly answer: PostgresAnswer
  readonly cluster: PostgresCluster | null
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let offered: Promise<Offered> | null = null
  const server = createServer((_request, response) => {
    offered ??= offer()
    offered.then(
      ({ answer }) => response.end(JSON.stringify(answer)),
      (error: unknown) => response.end(JSON.stringify({ failed: String(error) })),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('postgresService', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return async () => {
    server.closeAllConnections()
    server.close()
    await offered?.then(
      ({ cluster }) => cluster?.stop(),
      () => {},
    )
  }
}

async function offer(): Promise<Offered> {
  const named = process.env['BEAMLINE_TEST_POSTGRES']
  if (named !== undefined && named !== '') return { answer: { url: named }, cluster: null }
  if ((await findPostgres()) === null) {
    const missing = 'BEAMLINE_TEST_POSTGRES is not set, and initdb and postgres are not on this machine'
    console.error(`\n*** Tests against Postgres are SKIPPED: ${missing} ***\n`)
    return { answer: { missing }, cluster: null }
  }
  const cluster = await startPostgres()
  return { answer: { url: cluster.url }, cluster }
}
