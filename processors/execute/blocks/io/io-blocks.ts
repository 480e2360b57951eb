/** The blocks of the io pool, with the guard, connections and clients that they share. */
import type { Block } from '../../block.ts'
import type { BlockSettings } from '../settings.ts'
import type { BlockTools } from '../tools.ts'
import { echo } from './echo.ts'
import { createEgress } from './egress/egress.ts'
import { failBlock } from './fail.ts'
import { graphqlBlock } from './graphql.ts'
import { httpBlock } from './http.ts'
import { createHttpClient } from './http-client.ts'
import { olderHttpRequestBlock } from './http-request-older.ts'
import { workerHttpBlock } from './http-worker.ts'
import { sleepBlock } from './sleep.ts'

export interface IoBlocks {
  readonly blocks: readonly Block[]
  close(): Promise<void>
}

export function ioBlocks(tools: BlockTools, settings: BlockSettings): IoBlocks {
  const egress = createEgress(settings.egress)
  const http = createHttpClient(tools, egress, settings.http)
  return {
    blocks: [
      echo,
      sleepBlock(tools),
      httpBlock(tools, http),
      workerHttpBlock(tools, http),
      olderHttpRequestBlock(tools, http),
      graphqlBlock(tools, http),
      failBlock(tools),
    ],
    close: async () => {
      await http.close()
    },
  }
}
