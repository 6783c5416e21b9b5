export function renderSchemas(): readonly { readonly name: string; readonly content: string }[];
