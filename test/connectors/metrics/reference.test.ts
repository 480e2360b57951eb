import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { metricsReference } from '../../../connectors/metrics/reference.ts'

test('docs/observability.md is what the metrics say of themselves', async () => {
  const written = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8')
  // to bring it up to date: node -e "import('./connectors/metrics/reference.ts').then(async (m) => process.stdout.write(await m.metricsReference()))" > docs/observability.md
  expect(written).toBe(await metricsReference())
})
