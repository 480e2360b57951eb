import type { FlowDeprecated, FlowPublished, TenantChanged } from '../../schemas/records/control.ts'
import type { Turn } from '../turn.ts'

/** A copy for every partition, this one's too, which gateways read. All of them become durable with this turn's commit. */
export function broadcast(turn: Turn, key: string, record: FlowPublished | FlowDeprecated | TenantChanged): void {
  for (let partition = turn.partitions - 1; partition >= 0; partition--) turn.emit('control', partition, record, key)
}
