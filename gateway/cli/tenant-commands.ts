/** `beamline tenant` and `beamline worker` */
import type { Command } from 'commander'
import type { AnswerOf, Api } from '../client/client.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { numberOf } from './dlq-commands.ts'
import { type Cell, paintOf, table, timeText } from './look.ts'
import type { Shell } from './shell.ts'

/** Flags, and the limits they stand for. */
const LIMITS = {
  maxConcurrency: ['--max-concurrency', 'max_concurrency'],
  rate: ['--rate', 'rate_per_second'],
  burst: ['--burst', 'burst'],
  weight: ['--weight', 'weight'],
  spread: ['--spread', 'spread'],
} as const
type LimitOptions = { readonly [K in keyof typeof LIMITS]?: string }

type Tenant = AnswerOf<Api['getTenant']>

export function addTenantCommands(program: Command, act: Act): void {
  const tenant = program.command('tenant').description('tenants and their limits')
  tenant
    .command('list')
    .description('list tenants that have runs or limits')
    .option('--limit <n>', 'at most this many', '100')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .action(act(list))
  tenant
    .command('set <tenant>')
    .description('change limits; what is not named stays, "none" takes a limit away')
    .option('--max-concurrency <n>', 'attempts that run at once')
    .option('--rate <n>', 'attempts started per second')
    .option('--burst <n>', 'starts that may come at once above the rate')
    .option('--weight <n>', 'share among tenants that wait, 1 to 1000')
    .option('--spread <n>', 'partitions that its runs lie on; once, before the first run')
    .action(act((shell, name: string, options: LimitOptions) => set(shell, name, options)))
  const worker = program.command('worker').description('who executes steps')
  worker
    .command('list')
    .description('list workers, with what they do now')
    .option('--pool <pool>', 'cpu, io, gpu or external')
    .action(act((shell, options: { readonly pool?: string }) => listWorkers(shell, options)))
}

const limitText = (value: number | null): string => (value === null ? 'none' : String(value))

async function list(
  shell: Shell,
  { limit, after }: { readonly limit: string; readonly after?: string },
): Promise<void> {
  const query = { limit: numberOf('--limit', limit), ...(after === undefined ? {} : { after }) }
  const answer = await shell.api.listTenants({ query })
  const rows = answer.tenants.map((tenant): readonly Cell[] => [
    tenant.tenant_id,
    Object.values(tenant.runs).reduce((sum, count) => sum + count, 0),
    ...limitCells(tenant),
  ])
  const more = answer.next === null ? '' : `\nmore: --after ${answer.next}`
  const title = ['tenant', 'runs', 'concurrency', 'rate', 'burst', 'weight', 'spread']
  const text = rows.length === 0 ? 'no tenants' : `${table(shell.look, rows, title)}${more}`
  const ids = answer.tenants.map((tenant) => tenant.tenant_id)
  shell.print(answer, text, ids)
}

function limitCells(tenant: Omit<Tenant, 'tenant_id'>): Cell[] {
  const { max_concurrency, rate_per_second, burst, weight, spread } = tenant
  return [limitText(max_concurrency), limitText(rate_per_second), limitText(burst), weight, limitText(spread)]
}

async function set(shell: Shell, name: string, options: LimitOptions): Promise<void> {
  const given = Object.entries(LIMITS).flatMap(([option, [flag, field]]) => {
    const text = options[option as keyof LimitOptions]
    return text === undefined ? [] : [[field, text === 'none' ? null : numberOf(flag, text, ', or none')] as const]
  })
  if (given.length === 0) {
    const flags = Object.values(LIMITS).map(([flag]) => flag)
    throw new CliError(EXIT.usage, `nothing is to be changed; expected one of ${flags.join(', ')}`)
  }
  const answer = await shell.api.putTenant({
    params: { tenant: name },
    body: JSON.stringify(Object.fromEntries(given)),
  })
  const { max_concurrency, rate_per_second, burst, weight, spread } = answer
  const text = `${answer.tenant_id}: concurrency ${limitText(max_concurrency)}, rate ${limitText(rate_per_second)}, burst ${limitText(burst)}, weight ${weight}, spread ${limitText(spread)}`
  shell.print(answer, text, [answer.tenant_id])
}

type Device = { readonly backend: string | null; readonly adapter: string | null } | null

function deviceText(device: Device): string | null {
  if (device === null) return null
  const { backend, adapter } = device
  if (backend === null) return 'not open'
  return adapter === null ? backend : `${backend} (${adapter})`
}

/** Names alone: formulas and sources may be many. */
function warmNames(kernels: readonly string[]): string {
  return [...new Set(kernels.map((kernel) => kernel.split(':')[0]!))].join(',')
}

async function listWorkers(shell: Shell, { pool }: { readonly pool?: string }): Promise<void> {
  const query = (pool === undefined ? {} : { pool }) as { readonly pool?: 'io' }
  const answer = await shell.api.listWorkers({ query })
  const rows = answer.workers.map((worker): readonly Cell[] => [
    worker.worker_id,
    worker.pool,
    [worker.state, paintOf(worker.state)],
    `${worker.in_flight} of ${worker.capacity}`,
    worker.partitions.join(','),
    timeText(worker.seen_at_ms),
    deviceText(worker.device),
    warmNames(worker.device?.warm_kernels ?? []) || null,
  ])
  const title = ['worker', 'pool', 'state', 'busy', 'partitions', 'seen', 'device', 'warm kernels']
  const text = rows.length === 0 ? 'no workers' : table(shell.look, rows, title)
  const ids = answer.workers.map((worker) => worker.worker_id)
  shell.print(answer, text, [...new Set(ids)])
}
