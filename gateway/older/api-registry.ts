/** Changes of the registry of blocks, and figures of the last minute. */
import * as common from '../api/common.ts'
import { json, jsonBody, type Method, operation } from '../api/operation.ts'
import { anything, boolean, choice, integer, number, object, optional, text } from '../api/schema.ts'
import { errors, olderHeaders, open, TAG } from './api-common.ts'

const blockParams = { type: text('Type of the block.'), version: text('Version.') }
const manifest = open({ type: optional(text('Type.')), version: optional(anything('Version.')) })
const changed = json(
  object({
    type: text('Type.'),
    version: text('Version.'),
    status: choice('What was done.', ['created', 'updated', 'unregistered']),
    ts: common.epochMs('When.'),
  }),
  'It is noted. What steps may do comes with the executors and does not change.',
)
const registryErrors = errors('invalid_schema', 'conflict', 'unsupported_media_type', 'service_overloaded', 'timeout')
const registration = <const M extends Method, const P extends string>(method: M, path: P) => ({
  method,
  path,
  tag: TAG,
  headers: olderHeaders,
  errors: registryErrors,
})
const under = '/api/v1/registry/blocks/:type/:version' as const

export const registerBlock = operation({
  ...registration('POST', '/api/v1/registry/blocks'),
  summary: 'Register a block',
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 201: changed },
})
export const registerBlockUnder = operation({
  ...registration('POST', under),
  summary: 'Register a block',
  params: blockParams,
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 201: changed },
})
export const updateBlock = operation({
  ...registration('PUT', under),
  summary: 'Change a block',
  params: blockParams,
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 200: changed },
})
export const unregisterBlock = operation({
  ...registration('DELETE', under),
  summary: 'Remove a block',
  params: blockParams,
  answers: { 200: changed },
})

export const getMetricsOlder = operation({
  method: 'GET',
  path: '/_metrics',
  tag: 'status',
  summary: 'Figures of the last minute',
  description: '`/metrics` answers the same to who asks for JSON first.',
  answers: {
    200: json(
      object({
        rps: number('Requests a second.', 0),
        latency: object({
          p50: number('Milliseconds.', 0),
          p95: number('Milliseconds.', 0),
          p99: number('Milliseconds.', 0),
        }),
        error_rate: number('Part of the answers that were 5xx.', 0, 1),
        rate_limit: object({ exceeded: integer('Answers that were 429.', 0) }),
        nats: object({ connected: boolean('The log takes records.') }),
        ts: common.epochMs('Now.'),
      }),
      'Figures.',
    ),
  },
  errors: [],
})
