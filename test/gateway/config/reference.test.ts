import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { inconsistencies } from '../../../gateway/config/consistency.ts'
import { loadConfig } from '../../../gateway/config/load-config.ts'
import { configReference } from '../../../gateway/config/reference.ts'
import { SETTING_NAMES } from '../../../gateway/config/settings.ts'
import { fenced } from '../../docs/documents.ts'

test('docs/configuration.md is what the settings say of themselves', () => {
  const written = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  // to bring it up to date: node -e "import('./gateway/config/reference.ts').then((m) => process.stdout.write(m.configReference()))" > docs/configuration.md
  expect(written).toBe(configReference())
})

test('every setting is in a table', () => {
  const lines = configReference().split('\n')
  for (const name of SETTING_NAMES) {
    expect(
      lines.filter((line) => line.startsWith(`| \`${name}\` |`)),
      name,
    ).toHaveLength(1)
  }
})

test('the example in it is a configuration', () => {
  const [text = ''] = fenced(configReference(), 'yml')
  const { config } = loadConfig({ file: { name: 'example', text }, variables: {}, flags: [] })
  expect(inconsistencies(config)).toEqual([])
  expect(config['kafka.brokers']).toEqual(['broker-1:9092', 'broker-2:9092'])
})
