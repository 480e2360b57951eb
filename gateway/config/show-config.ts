/** The configuration for a person, with where each value came from. Secrets are shown as references. */
import type { Json } from '../../schemas/json.ts'
import type { LoadedConfig } from './load-config.ts'
import { type AnySetting, SETTING_NAMES, SETTINGS } from './settings.ts'

export interface ShownSetting {
  readonly name: string
  readonly value: Json
  readonly source: string
}

export function shownSettings({ config, sources }: LoadedConfig): readonly ShownSetting[] {
  return SETTING_NAMES.map((name) => {
    const setting: AnySetting = SETTINGS[name]
    const value = config[name] === null ? null : setting.show(config[name])
    return { name, value, source: sources[name] }
  })
}

export function configText(loaded: LoadedConfig): string {
  const rows = shownSettings(loaded).map(({ name, value, source }) => [name, textOf(value), source] as const)
  const width = (column: 0 | 1): number => Math.min(48, Math.max(...rows.map((row) => row[column].length)))
  const nameWidth = width(0)
  const valueWidth = width(1)
  return rows
    .map(([name, value, source]) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${source}`)
    .join('\n')
}

function textOf(value: Json): string {
  if (value === null) return '-'
  return Array.isArray(value) ? value.join(',') : String(value)
}
