/**
 * Readers of a gateway, as a process of their own that goes on until its input ends: `CLIENTS` follow the stream of events (those of `QUERY`), and lists, counts and single runs are
 * asked for at a steady rate, as consoles do. Says `ready` once all follow, and at the end as JSON how it went.
 */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { percentiles } from '../measure/statistics.ts'
import { ApiClient } from '../process/api-client.ts'
import { StreamClients } from './stream-clients.ts'

const QUESTIONS = [
  '/api/v1/runs?limit=50',
  '/api/v1/runs?status=running&limit=50',
  '/api/v1/runs/counts',
  '/api/v1/runs?status=failed&limit=50',
]

async function main(url: string, clients: number, perSecond: number, query: string): Promise<void> {
  const streams = await StreamClients.open(url, clients, query)
  const api = new ApiClient(url, 8)
  console.log('ready')
  const asked: number[] = []
  const refused: string[] = []
  const pending: Promise<void>[] = []
  let runId: string | null = null
  const ask = async (path: string): Promise<void> => {
    const began = performance.now()
    const { status, body } = await api.call('GET', path)
    asked.push(performance.now() - began)
    if (status !== 200) refused.push(`${path} got ${status}: ${JSON.stringify(body)}`)
    runId = (body.runs as { run_id: string }[] | undefined)?.[0]?.run_id ?? runId
  }
  let over = false
  process.stdin.resume()
  void once(process.stdin, 'end').then(() => {
    over = true
  })
  const began = performance.now()
  for (let number = 0; !over; number++) {
    const path = number % 5 === 4 && runId !== null ? `/api/v1/runs/${runId}` : QUESTIONS[number % QUESTIONS.length]!
    pending.push(ask(path))
    const waitMs = began + ((number + 1) * 1000) / perSecond - performance.now()
    if (waitMs > 0) await pause(waitMs)
  }
  await Promise.all(pending)
  const events = streams.frames.reduce((sum, frames) => sum + frames, 0)
  console.log(
    JSON.stringify({ asked: asked.length, refused, answered: percentiles(asked), events, let_go: streams.gone }),
  )
  streams.close()
  await api.close()
}

const [url, clients, perSecond, query] = process.argv.slice(2)
await main(url!, Number(clients), Number(perSecond), query!)
