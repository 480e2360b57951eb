/** `/api/v1/tenants` */
import * as common from './common.ts'
import { json, jsonBody, operation } from './operation.ts'
import { integer, list, mapOf, named, nullable, number, object, optional, strict, text } from './schema.ts'

const tag = 'tenants'
const MAX = 1_000_000_000
const tenant = text('Tenant.', { pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$' })

const maxConcurrency = nullable(integer('Attempts running at once, over all workers; `null`: no limit.', 1, MAX))
const ratePerSecond = nullable(number('Attempts started per second; `null`: no limit.', 1e-6, MAX))
const burst = nullable(number('Starts that may come at once above the rate.', 1, MAX))
const weight = integer('Share among tenants that wait.', 1, 1000)
const spread = nullable(
  integer('Number of partitions that the runs lie on; can be set once, before the first run.', 1, 65_536),
)

const tenantFields = {
  tenant_id: tenant,
  revision: integer('Of the limits; 0: never set.', 0),
  max_concurrency: maxConcurrency,
  rate_per_second: ratePerSecond,
  burst,
  weight,
  spread,
}
const shown = named('Tenant', object(tenantFields))
const params = { tenant }

export const listTenants = operation({
  method: 'GET',
  path: '/api/v1/tenants',
  tag,
  summary: 'List tenants',
  query: { limit: common.limit, after: common.after },
  answers: {
    200: json(
      object({
        tenants: list(object({ ...tenantFields, runs: mapOf(integer('Runs.', 0), 'By status.') })),
        next: common.next,
        as_of: common.asOf,
      }),
      'Tenants that have runs or limits, by name.',
    ),
  },
  errors: ['invalid_request'],
})

export const getTenant = operation({
  method: 'GET',
  path: '/api/v1/tenants/:tenant',
  tag,
  summary: 'Show the limits of a tenant',
  params,
  answers: { 200: json(shown, 'Its limits; one of whom nothing was set has none.') },
  errors: ['invalid_request'],
})

export const putTenant = operation({
  method: 'PUT',
  path: '/api/v1/tenants/:tenant',
  tag,
  summary: 'Change the limits of a tenant',
  description: 'What is left out stays as it is; `null` takes a limit away.',
  params,
  body: jsonBody(
    strict({
      max_concurrency: optional(maxConcurrency),
      rate_per_second: optional(ratePerSecond),
      burst: optional(burst),
      weight: optional(weight),
      spread: optional(spread),
    }),
    'Limits.',
    false,
  ),
  answers: { 200: json(shown, 'The limits as they are now.') },
  errors: ['invalid_request', 'conflict', 'unsupported_media_type', 'timeout'],
})
