/**
 * Vitest's global setup: offers one Kafka to all tests of the run. It starts when the first test asks for it, over HTTP, so that runs without such
 * tests pay nothing; it ends with the run.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { type OfferedKafka, offerKafka } from './kafka-offer.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the Kafka of this run is asked for. */
    readonly kafkaService: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let offer: Promise<OfferedKafka> | null = null
  const server = createServer((_request, response) => {
    offer ??= offerKafka()
    offer.then(
      ({ kafka }) => response.end(JSON.stringify(kafka)),
      (error: unknown) => response.end(JSON.stringify({ failed: String(error) })),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('kafkaService', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return async () => {
    server.closeAllConnections()
    server.close()
    await offer?.then(
      ({ stop }) => stop(),
      () => {},
    )
  }
}
