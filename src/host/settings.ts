import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { wantedProviders } from '../protocol/executionProvider.ts';
import { variants } from '../protocol/packageManifest.ts';
import { defaultHeldRows, leastBudgetMB } from '../protocol/worker.ts';

/** The section of every setting below. */
export const settingsSection = 'anchorage';

const folder = z.string().refine((path) => path === '' || isAbsolute(path), 'is not an absolute path');

/** Every setting: its values and its default. The manifest repeats the defaults; the host tests hold them together. */
const definitions = {
  /** A package folder; empty is the model that comes with the extension. */
  'model.folder': folder.default(''),
  'model.variant': z.enum(['auto', ...variants]).default('auto'),
  'model.executionProvider': z.enum(wantedProviders).default('auto'),
  /** Tokens of text per anchor; 0 is the model's own default. */
  'memory.ratio': z.int().min(0).max(1024).default(0),
  /** Megabytes that keys/values of all sessions may take. */
  'memory.budgetMB': z.number().min(leastBudgetMB).max(1_000_000).default(256),
  /** Tokens that are read again for one answer. */
  'memory.rereadTokens': z.int().min(0).max(100_000).default(512),
  /** Rows of a session that are held; 0 is as many as the budget has room for. */
  'memory.heldRows': z.int().min(0).max(1_000_000).default(defaultHeldRows),
  /** Whether open files are read ahead. */
  'memory.indexOpenFiles': z.boolean().default(true),
  'chat.temperature': z.number().min(0).max(2).default(0),
  /** Tokens of one answer. */
  'answer.maxTokens': z.int().min(1).max(8192).default(512),
  /** Kibibytes of a file that is read whole. */
  'files.maxSize': z.int().min(1).max(65536).default(256),
  /** A Node executable to run the worker on; empty is the editor's own. */
  'worker.nodePath': folder.default(''),
  /** 0: as many as physical cores. */
  'worker.threads': z.int().min(0).max(256).default(0),
};

type Definitions = typeof definitions;
export type SettingName = keyof Definitions;
export type Settings = { readonly [N in SettingName]: z.output<Definitions[N]> };

export const settingNames = Object.freeze(Object.keys(definitions)) as readonly SettingName[];
export const settingDefaults: Settings = z.object(definitions).parse({});

/** The settings that the worker and the model read once, at their start. */
export const startupSettings: readonly SettingName[] = [
  'model.folder',
  'model.variant',
  'model.executionProvider',
  'memory.ratio',
  'memory.budgetMB',
  'memory.rereadTokens',
  'memory.heldRows',
  'worker.nodePath',
  'worker.threads',
];

/** A setting whose value was not used. */
export interface RefusedSetting {
  /** With the section, as the user finds it. */
  readonly name: string;
  readonly value: unknown;
  readonly problem: string;
  readonly used: unknown;
}

/**
 * Reads and validates every setting. A value that its definition refuses is replaced by the default and reported.
 * @param get the raw value of a setting of the section, or undefined
 */
export function readSettings(get: (name: SettingName) => unknown): {
  readonly settings: Settings;
  readonly refused: readonly RefusedSetting[];
} {
  const refused: RefusedSetting[] = [];
  const raw: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) {
    const value = get(name);
    const parsed = definitions[name].safeParse(value);
    if (parsed.success) {
      raw[name] = value;
    } else {
      const problem = parsed.error.issues.map((issue) => issue.message).join('; ');
      refused.push({ name: `${settingsSection}.${name}`, value, problem, used: settingDefaults[name] });
    }
  }
  return { settings: z.object(definitions).parse(raw), refused };
}
