/** What bad inputs are tried on: blocks with short limits, a hostile server, a folder with traps, a Postgres if there is one. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { type BuiltInBlocks, builtInBlocks } from '../../../processors/execute/blocks/registry.ts'
import { DEFAULT_TENANT } from '../../../schemas/ids.ts'
import { startPostgres } from '../../postgres/cluster.ts'
import { findPostgres } from '../../postgres/find-postgres.ts'
import { contextOf } from '../block-context.ts'
import { type BadCase, badCases, type GoodCase, goodCases } from './cases.ts'

export interface Stage {
  readonly set: BuiltInBlocks
  readonly bad: readonly BadCase[]
  readonly good: readonly GoodCase[]
  close(): Promise<void>
}

export interface StageOptions {
  /** Default: if there is one on this machine. */
  readonly postgres?: boolean
}

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-bad-'))
  layTraps(folder)
  const server = spawn(process.execPath, [new URL('hostile-server.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  })
  const [text] = (await once(server.stdout, 'data')) as [Buffer]
  const ports = JSON.parse(text.toString()) as { readonly http: number; readonly raw: number }
  const wanted = options.postgres !== false && (await findPostgres()) !== null
  const postgres = wanted ? await startPostgres() : null
  const at = (port: number): string => `http://127.0.0.1:${port}`
  const set = builtInBlocks(environment, {
    egress: { allow: [ports.http, ports.raw, ...portOf(postgres?.url)].map((port) => `127.0.0.1:${port}`) },
    http: { responseLimitBytes: 100_000 },
    files: { folder },
    scripts: { memoryMb: 16 },
    cpuThreads: 3,
    gpu: { backend: 'cpu' },
    llm: { stallMs: 60 },
    connections: { llm: { kind: 'llm', url: at(ports.http), model: 'm' } },
    sql: { limits: { rows: 1_000, bytes: 200_000 } },
  })
  const sql = set.blocks.find(({ type }) => type === 'sql')!
  const made = 'create table if not exists items (id integer)'
  await sql.run(contextOf(0, 'bad'), { connection: 'sqlite:bad.db', query: made, write: true })
  const addresses = { http: at(ports.http), raw: at(ports.raw), postgres: postgres?.url ?? null }
  return {
    set,
    bad: badCases(addresses),
    good: goodCases(addresses),
    close: async () => {
      await set.close()
      server.kill()
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function portOf(url: string | undefined): readonly number[] {
  return url === undefined ? [] : [Number(new URL(url).port)]
}

function layTraps(folder: string): void {
  const mine = join(folder, DEFAULT_TENANT)
  const outside = join(folder, '.outside')
  mkdirSync(mine)
  mkdirSync(outside)
  writeFileSync(join(mine, 'good.txt'), 'good')
  writeFileSync(join(outside, 'secret.txt'), 'secret')
  symlinkSync(outside, join(mine, 'link'))
  symlinkSync(join(outside, 'secret.txt'), join(mine, 'link.txt'))
  symlinkSync('/dev/zero', join(mine, 'zero'))
  execFileSync('mkfifo', [join(mine, 'pipe')])
}
