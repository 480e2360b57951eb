/** The blocks of the io pool, with the guard, connections and clients that they share. */
import type { Block } from '../../block.ts'
import type { SecretSource } from '../secrets/source.ts'
import type { BlockSettings } from '../settings.ts'
import type { BlockTools } from '../tools.ts'
import { ProcessPool } from '../workers/process-pool.ts'
import { workerFile } from '../workers/worker-file.ts'
import { type ConnectionTable, connectionTable } from './connections.ts'
import { echo } from './echo.ts'
import { createEgress, type Egress } from './egress/egress.ts'
import { emailBlock } from './email.ts'
import { failBlock } from './fail.ts'
import { fileBlocks } from './files/files.ts'
import { olderFileBlocks } from './files/files-older.ts'
import { graphqlBlock } from './graphql.ts'
import { httpBlock } from './http.ts'
import { createHttpClient } from './http-client.ts'
import { olderHttpRequestBlock } from './http-request-older.ts'
import { workerHttpBlock } from './http-worker.ts'
import { kafkaProduceBlock } from './kafka-produce.ts'
import { llmBlock } from './llm/llm.ts'
import { RedisClients } from './redis/clients.ts'
import { redisBlock } from './redis/redis.ts'
import { sleepBlock } from './sleep.ts'
import { PostgresPools } from './sql/postgres.ts'
import { SQL_LIMITS } from './sql/settings.ts'
import { sqlBlock } from './sql/sql.ts'
import { olderSqlQueryBlock } from './sql/sql-query-older.ts'
import { webhookBlock } from './webhook.ts'

/** Some blocks and what they keep open. */
export interface IoBlocks {
  readonly blocks: readonly Block[]
  close(): Promise<void>
}

const SQLITE_HEAP_MB = 128
const SQLITE_PROCESSES = 2

/** What groups of blocks share. */
interface Shared {
  readonly tools: BlockTools
  readonly settings: BlockSettings
  readonly egress: Egress
  readonly connections: ConnectionTable
}

export function ioBlocks(tools: BlockTools, settings: BlockSettings, secrets: SecretSource): IoBlocks {
  const connections = connectionTable(settings.connections ?? {}, secrets)
  const shared: Shared = { tools, settings, egress: createEgress(settings.egress), connections }
  const groups = [
    plainBlocks(shared),
    requestBlocks(shared),
    sqlBlocks(shared),
    fileGroup(shared),
    serviceBlocks(shared),
  ]
  return {
    blocks: groups.flatMap(({ blocks }) => blocks),
    close: async () => {
      await Promise.all(groups.map((group) => group.close()))
    },
  }
}

function plainBlocks({ tools }: Shared): IoBlocks {
  return { blocks: [echo, sleepBlock(tools), failBlock(tools)], close: async () => {} }
}

function requestBlocks({ tools, egress, settings, connections }: Shared): IoBlocks {
  const client = createHttpClient(tools, egress, settings.http)
  const blocks = [
    httpBlock(tools, client),
    workerHttpBlock(tools, client),
    olderHttpRequestBlock(tools, client),
    graphqlBlock(tools, client),
    webhookBlock(tools, client),
    llmBlock({ tools, client, connections, settings: settings.llm ?? {} }),
  ]
  return { blocks, close: () => client.close() }
}

function fileGroup({ tools, settings: { files } }: Shared): IoBlocks {
  return { blocks: [...fileBlocks(tools, files), ...olderFileBlocks(tools, files)], close: async () => {} }
}

function serviceBlocks({ tools, egress, settings, connections }: Shared): IoBlocks {
  const clients = new RedisClients(egress)
  const blocks = [
    redisBlock({ tools, clients, connections }),
    kafkaProduceBlock(tools, settings.kafka ?? null),
    emailBlock({ tools, egress, connections }),
  ]
  const close = async (): Promise<void> => {
    clients.close()
    await settings.kafka?.close?.()
  }
  return { blocks, close }
}

function sqlBlocks({ tools, egress, settings, connections }: Shared): IoBlocks {
  const pools = new PostgresPools(egress, settings.sql)
  let sqlite: ProcessPool | null = null
  const processes = (): ProcessPool => {
    const file = workerFile('sql/sqlite-process', import.meta.url)
    const size = settings.sql?.sqliteProcesses ?? SQLITE_PROCESSES
    sqlite ??= new ProcessPool({ file, size, heapMb: SQLITE_HEAP_MB, endedCode: 'WORKER_ENDED' })
    return sqlite
  }
  const parts = {
    tools,
    egress,
    pools,
    sqlite: processes,
    connections,
    files: settings.files ?? {},
    limits: { ...SQL_LIMITS, ...settings.sql?.limits },
  }
  const close = async (): Promise<void> => {
    await Promise.all([pools.close(), sqlite?.close()])
  }
  return { blocks: [sqlBlock(parts), olderSqlQueryBlock(parts)], close }
}
