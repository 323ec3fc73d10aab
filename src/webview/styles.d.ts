/** Style sheets are imported for their effect on the bundle: esbuild puts them into chat.css. */
declare module '*.css';
