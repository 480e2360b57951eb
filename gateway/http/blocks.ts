/** `/api/v1/blocks`: the types that steps may have, as this process knows them. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import type { Json } from '../../schemas/json.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { route } from './route.ts'

export interface BlockDescription {
  readonly type: string
  readonly version: number
  readonly pool: string
  /** Whether it comes with this version or from a module of the operator's. */
  readonly source: 'built-in' | 'custom'
  readonly summary: string
  /** JSON Schema (2020-12). */
  readonly input_schema: object
  readonly output_schema: object | null
  /** Those of every block included. */
  readonly errors: readonly { readonly code: string; readonly class: string; readonly meaning: string }[]
  /** It may also report codes that its input names. */
  readonly any_code: boolean
  /** Its input may name secrets. */
  readonly takes_secrets: boolean
  /** Without effect outside; see the block contract. */
  readonly pure: boolean
  readonly examples: readonly { readonly title: string; readonly input: Json }[]
}

/** The list leaves schemas, errors and examples out. The older registry's addresses answer the same. */
export function registerBlocks(app: FastifyInstance, blocks: readonly BlockDescription[]): void {
  for (const operation of [API.listBlocks, API.listBlocksOlder]) {
    route(app, operation, () => ({ blocks: blocks.map(brief) }))
  }
  const one = [API.getBlock, API.getBlockVersion, API.getBlockOlder, API.getBlockVersionOlder]
  for (const operation of one) route(app, operation, (request) => found(blocks, request))
}

function brief({ type, version, pool, source, summary, takes_secrets, pure }: BlockDescription): object {
  return { type, version, pool, source, summary, takes_secrets, pure }
}

function found(blocks: readonly BlockDescription[], request: FastifyRequest): BlockDescription {
  const { type, version } = request.params as { readonly type: string; readonly version?: string }
  const block = blocks.find((known) => known.type === type)
  if (block === undefined) {
    const types = blocks.map((known) => known.type)
    const name = JSON.stringify(type.slice(0, 100))
    throw new RequestError('not_found', `there is no block ${name}${didYouMean(type, types)}`)
  }
  if (version === undefined || version === String(block.version)) return block
  const name = JSON.stringify(version.slice(0, 100))
  throw new RequestError('not_found', `block '${type}' has no version ${name}; expected ${block.version}`)
}
