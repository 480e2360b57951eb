/** What the read model holds, asked for when metrics are read. */
import { Gauge, type Registry } from 'prom-client'
import type { ReadModel } from '../../topology/read-model/port.ts'

export function createReadModelMetrics(registry: Registry, readModel: Pick<ReadModel, 'counts'>): void {
  const registers = [registry]
  const runs = new Gauge({
    name: 'beamline_runs',
    help: 'Runs of all tenants that the read model holds, by status.',
    labelNames: ['status'],
    registers,
    // one look-up for both: metrics of a registry are collected together
    async collect() {
      // a read model that is closed or broken is told elsewhere; the other metrics are still wanted
      const counts = await readModel.counts().catch(() => null)
      runs.reset()
      letters.reset()
      if (counts === null) return
      for (const [status, count] of Object.entries(counts.runs)) runs.labels(status).set(count)
      for (const [status, count] of Object.entries(counts.letters)) letters.labels(status).set(count)
    },
  })
  const letters = new Gauge({
    name: 'beamline_dead_letters',
    help: 'Dead letters of all tenants that the read model holds, by status.',
    labelNames: ['status'],
    registers,
  })
}
