import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { z } from 'zod';
import { convertModel } from '../../convert/convertModel.ts';
import type { ConvertResult } from '../../convert/convertModel.ts';
import { trainedSchemes } from '../../convert/trainedAnchors.ts';
import { variants } from '../../protocol/packageManifest.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import { addOutputOptions } from '../globalOptions.ts';
import { ProgressLine } from '../progressLine.ts';
import { interruptible, write } from '../terminal.ts';

const optionsSchema = z.object({
  adapter: z.string().optional(),
  scheme: z.enum(trainedSchemes).optional(),
  variants: z.array(z.enum(variants)),
  name: z.string().optional(),
});

const phases = { read: 'Reading', build: 'Building', verify: 'Verifying', write: 'Writing' } as const;

/** `convert`: a decoder and its adapter to a package. */
export function addConvertCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('convert')
    .description('Turn a decoder on disk, and an anchor adapter for it, into a package.')
    .argument('<source>', 'a .gguf file, or a folder with config.json, tokenizer.json and safetensors files')
    .argument('<out>', 'folder of the package; left as it was when the conversion fails')
    .option('--adapter <folder>', 'anchor adapter trained on that decoder (default: none, anchors are selected)')
    .addOption(
      new Option(
        '--scheme <name>',
        "anchors that the decoder was itself trained with, as AnLLM's checkpoints: AC, its token <AC>; EP, its full stops",
      ).choices([...trainedSchemes]),
    )
    .addOption(
      new Option('--variants <names...>', 'numeric formats to write').choices([...variants]).default(['int8', 'int4']),
    )
    .option('--name <name>', "the package's name (default: the source's)");
  addOutputOptions(command);
  runs(command, onExitCode, async ([source = '', out = ''], { json, quiet }, raw) => {
    const { adapter, scheme, variants: wanted, name = packageNameOf(source) } = optionsSchema.parse(raw);
    const progress = new ProgressLine(process.stderr, quiet);
    const result = await interruptible((signal) =>
      convertModel({
        source: resolve(source),
        adapterFolder: adapter === undefined ? null : resolve(adapter),
        trainedScheme: scheme,
        outputFolder: resolve(out),
        variants: wanted,
        name,
        signal,
        onProgress: ({ phase, variant, done, total }) =>
          progress.show([phases[phase], variant].filter(Boolean).join(' '), done, total, ''),
      }),
    ).finally(() => progress.clear());
    for (const warning of result.warnings) progress.note(`warning: ${warning}`);
    await write(
      process.stdout,
      json ? `${JSON.stringify({ folder: resolve(out), ...result })}\n` : reportOf(out, result),
    );
    return exitCodes.ok;
  });
}

/** A package's name by the file or folder that it is made from. */
export function packageNameOf(source: string): string {
  const name = basename(resolve(source)).replace(/\.gguf$/i, '');
  const allowed = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[._-]+|-+$/g, '');
  return allowed.slice(0, 128) || 'decoder';
}

function reportOf(out: string, { unchanged, reports }: ConvertResult): string {
  if (unchanged) return `${out} was built from the same files already.\n`;
  const lines = reports.map(({ variant, sameTop, divergence }) => {
    return `  ${variant}: likeliest token as fp32 at ${(sameTop * 100).toFixed(1)} % of positions, divergence ${divergence.toFixed(4)} nats`;
  });
  return [`Wrote ${out}`, ...lines, ''].join('\n');
}
