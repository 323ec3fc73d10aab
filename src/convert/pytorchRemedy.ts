/** Transformers writes what the converter reads: safetensors, and a tokenizer.json made of the SentencePiece model. */
const script = [
  'import sys',
  'from transformers import AutoModelForCausalLM as M, AutoTokenizer as T',
  'old, new = sys.argv[1:]',
  "M.from_pretrained(old, torch_dtype='auto').save_pretrained(new)",
  'T.from_pretrained(old).save_pretrained(new)',
].join('; ');

/**
 * What to do with a folder of older files (pytorch_model.bin, tokenizer.model): a pickle can run any program when it is loaded, so it is
 * left to the library that wrote it.
 */
export function pytorchRemedy(folder: string): string {
  return (
    'Have Transformers write it anew (pip install torch transformers sentencepiece), then convert the new folder:\n' +
    `python3 -c "${script}" "${folder}" "${folder}-safetensors"`
  );
}
