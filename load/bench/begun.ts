import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from '../process/api-client.ts'

/** Resolves once nothing that was accepted is left to be begun or executed, as far as lists tell. */
export async function begun(client: ApiClient): Promise<void> {
  for (let before = -1; ; ) {
    const { body } = await client.call('GET', '/api/v1/runs?status=running&waiting_for=worker&limit=1')
    const { body: counted } = await client.call('GET', '/api/v1/runs/counts')
    const { total } = counted as { readonly total: number }
    if ((body.runs as unknown[]).length === 0 && total === before) return
    before = total
    await pause(200)
  }
}
