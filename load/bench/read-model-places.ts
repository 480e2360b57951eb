/** The read models that are measured: filled by their own projections, without a log in between. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { migrate, prepareBuilds } from '../../connectors/read-model/postgres/catalog.ts'
import { openPool, withConnection } from '../../connectors/read-model/postgres/connection.ts'
import { openPostgresReadModel } from '../../connectors/read-model/postgres/postgres-read-model.ts'
import { BuildProjection } from '../../connectors/read-model/postgres/projection.ts'
import { Projection } from '../../connectors/read-model/sqlite/projection.ts'
import { openSqliteReadModel } from '../../connectors/read-model/sqlite/sqlite-read-model.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import { startPostgres } from '../postgres/cluster.ts'

export interface Part {
  readonly partition: number
  readonly from: number
  readonly nextOffset: number
  readonly records: readonly { readonly offset: number; readonly value: Uint8Array; readonly message: EventRecord }[]
}

/** Keeps everything, however old. */
const retention = { maxRuns: 10_000_000, maxAgeMs: 1e12 }

export interface Place {
  apply(parts: readonly Part[]): Promise<void>
  /** Once it is filled. */
  open(): Promise<ReadModel>
  close(): Promise<void>
}

export async function sqlitePlace(partitions: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'beamline-read-model-'))
  const file = join(folder, 'read-model.db')
  const projection = new Projection({ file, partitions, retention })
  let model: ReadModel | null = null
  return {
    apply: async (parts) => void projection.applyAll(parts),
    async open() {
      projection.close()
      model = await openSqliteReadModel({ environment, file, partitions, retention, source: { kind: 'push' } })
      return model
    },
    async close() {
      await model?.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** With its settings as they come, but for memory, which is that of a small server, and the disk, which is not waited for while it is filled. */
export async function postgresPlace(partitions: number): Promise<Place> {
  const server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '4GB' } })
  const pool = openPool({ url: server.url }, 'bench', 2)
  const deployment = { schema: 'beamline', logId: 'bench', partitions }
  await withConnection(pool, (client) => migrate(client, deployment))
  await withConnection(pool, (client) => prepareBuilds(client, deployment))
  const projection = new BuildProjection({ pool, schema: 'beamline', build: 1, partitions, retention })
  let model: ReadModel | null = null
  return {
    apply: async (parts) => void (await projection.apply(parts, false)),
    async open() {
      const maintenance = new Pool({ connectionString: server.url, max: 1 })
      // What the server does by itself within a minute or so.
      await maintenance.query('vacuum analyze')
      await maintenance.end()
      model = await openPostgresReadModel({ environment, url: server.url, ...deployment, project: null })
      return model
    },
    async close() {
      await model?.close()
      await pool.end()
      await server.stop()
    },
  }
}
