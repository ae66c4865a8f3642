/** The kinds of environment, apart from what implements them: the verifier runs where none of that exists. */

export const TEE_TYPES = ['sim', 'sgx', 'tdx', 'snp'] as const;
export type TeeType = (typeof TEE_TYPES)[number];
export const isTeeType = (word: string): word is TeeType => (TEE_TYPES as readonly string[]).includes(word);

export const TEE_CHOICES = ['auto', 'sim', 'tdx', 'snp', 'sgx'] as const;
/** `auto`: what is found; `sim`, with its warning, where nothing is. */
export type TeeChoice = (typeof TEE_CHOICES)[number];
