import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configReference } from '../../../gateway/config/reference.ts'
import { SETTING_NAMES } from '../../../gateway/config/settings.ts'

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
