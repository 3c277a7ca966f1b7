// Texts of the page in English and French.

import type { Both, Facts, Field, Language } from "./facts";
import { OUTLINE_TEXTS } from "./outline_texts";
import { REVIEW_TEXTS } from "./review_texts";

const TEXTS = {
  ...REVIEW_TEXTS,
  ...OUTLINE_TEXTS,
  skip: ["Skip to the results", "Aller aux résultats"],
  proposal: ["Not verified: a proposal", "Non vérifié : une proposition"],
  proposal_more: [
    "Made by a model. It proposes; a named person decides.",
    "Produit par un modèle. Il propose ; une personne nommée décide.",
  ],
  kind_map: ["Map", "Carte"],
  kind_change: ["Change map", "Carte des changements"],
  kind_zonal: ["Zonal statistics", "Statistiques par zone"],
  views: ["Views", "Vues"],
  tab_map: ["Map", "Carte"],
  tab_table: ["Table", "Tableau"],
  tab_zones: ["Zones", "Zones"],
  tab_about: ["About", "À propos"],
  share: ["Copy link", "Copier le lien"],
  share_more: ["Copies the address of this page with its view and filters", "Copie l'adresse de cette page avec sa vue et ses filtres"],
  shared: ["The link to this view is copied.", "Le lien vers cette vue est copié."],
  share_failed: ["The link could not be copied. It is in the address bar.", "Le lien n'a pas pu être copié. Il est dans la barre d'adresse."],
  language: ["Language", "Langue"],
  filters: ["Legend and filters", "Légende et filtres"],
  legend: ["Legend", "Légende"],
  imagery: ["Imagery", "Imagerie"],
  imagery_show: ["Show the imagery", "Afficher l'imagerie"],
  imagery_date: ["Date of the imagery", "Date de l'imagerie"],
  opacity: ["Opacity", "Opacité"],
  zones_show: ["Show the zones", "Afficher les zones"],
  zones_here: ["{count} zones", "{count} zones"],
  level: ["Level", "Niveau"],
  color_by: ["Color by", "Colorer selon"],
  no_figure: ["outlines only", "contours seuls"],
  below: ["below {value}", "moins de {value}"],
  between: ["{low} to {high}", "de {low} à {high}"],
  from_on: ["{value} and more", "{value} et plus"],
  zone: ["Zone", "Zone"],
  zone_of: ["{level}: {id}", "{level} : {id}"],
  several_zones: [
    "{count} zones are one point at this zoom. Zoom in to see each of them.",
    "{count} zones forment un seul point à ce zoom. Agrandissez pour voir chacune d'elles.",
  ],
  zone_figures: ["Its figures", "Ses chiffres"],
  zone_not_found: ["No zone has this identifier.", "Aucune zone n'a cet identifiant."],
  large_table: [
    "This table has {size}, too much for this page. Open the file:",
    "Ce tableau fait {size}, trop pour cette page. Ouvrez le fichier :",
  ],
  classes: ["Classes", "Classes"],
  classes_after: ["Classes after", "Classes après"],
  kinds: ["Kinds", "Natures"],
  states: ["State (outlines)", "État (contours)"],
  reviewed: ["Reviewed by named persons", "Relu par des personnes nommées"],
  reviewed_more: [
    "What is decided, and what is still a proposal of a model, is in the column state of each feature.",
    "La colonne state de chaque objet dit ce qui est décidé, et ce qui reste une proposition d'un modèle.",
  ],
  all: ["All", "Toutes"],
  none: ["None", "Aucune"],
  patterns: ["Patterns beside colors", "Motifs en plus des couleurs"],
  score: ["Minimum score", "Score minimal"],
  score_more: ["Features without a score stay visible.", "Les objets sans score restent visibles."],
  search: ["Find by identifier", "Chercher par identifiant"],
  search_more: ["All of it, or at least its first 4 digits", "En entier, ou au moins ses 4 premiers chiffres"],
  find: ["Find", "Chercher"],
  searching: ["Searching …", "Recherche …"],
  not_an_id: ["An identifier has digits 0 to 9 and letters a to f, at least 4.", "Un identifiant a des chiffres 0 à 9 et des lettres a à f, au moins 4."],
  not_found: ["No feature has this identifier.", "Aucun objet n'a cet identifiant."],
  found: ["Found: {id}", "Trouvé : {id}"],
  reset: ["Reset filters", "Réinitialiser les filtres"],
  map_label: [
    "Map of the results. Arrow keys move it, plus and minus zoom, Enter selects the feature at the center.",
    "Carte des résultats. Les flèches la déplacent, plus et moins zooment, Entrée sélectionne l'objet au centre.",
  ],
  map_keys: ["Arrows move · + − zoom · Enter selects at the cross", "Flèches : déplacer · + − : zoomer · Entrée : sélectionner à la croix"],
  zoom_in: ["Zoom in", "Agrandir"],
  zoom_out: ["Zoom out", "Réduire"],
  whole: ["Whole map", "Toute la carte"],
  nothing_here: ["No feature here.", "Aucun objet ici."],
  several: [
    "{count} features are one point at this zoom. Zoom in to see each of them.",
    "{count} objets forment un seul point à ce zoom. Agrandissez pour voir chacun d'eux.",
  ],
  selected: ["Selected: {name}", "Sélectionné : {name}"],
  swipe_on: ["Compare dates", "Comparer les dates"],
  swipe_off: ["End comparison", "Terminer la comparaison"],
  swipe_label: ["Place of the divider between the dates, percent from the left", "Position du séparateur entre les dates, en pourcentage depuis la gauche"],
  before: ["Before", "Avant"],
  after: ["After", "Après"],
  no_map: [
    "This output has no vector tiles. Add \"pmtiles\" to `formats` in the configuration. The table has the same information.",
    "Cette sortie n'a pas de tuiles vectorielles. Ajoutez « pmtiles » à `formats` dans la configuration. Le tableau contient les mêmes informations.",
  ],
  no_webgl: [
    "This browser cannot draw the map (WebGL 2 is missing). The table has the same information.",
    "Ce navigateur ne peut pas dessiner la carte (WebGL 2 manque). Le tableau contient les mêmes informations.",
  ],
  no_table: [
    "This output has no GeoParquet file, which the table is read from. Add \"geoparquet\" to `formats` in the configuration.",
    "Cette sortie n'a pas de fichier GeoParquet, dont le tableau est lu. Ajoutez « geoparquet » à `formats` dans la configuration.",
  ],
  details: ["Details", "Détails"],
  close: ["Close the details", "Fermer les détails"],
  previous: ["Previous", "Précédent"],
  next: ["Next", "Suivant"],
  here: ["{n} of {all} here", "{n} sur {all} ici"],
  why: ["Why", "Pourquoi"],
  why_model: [
    "For these pixels, “{class}” is the most likely class according to the model {model}. The mean of its confidences is {score}, from 0 to 1.",
    "Pour ces pixels, « {class} » est la classe la plus probable selon le modèle {model}. La moyenne de ses confiances est {score}, de 0 à 1.",
  ],
  why_object: [
    "The model {model} found an object of the class “{class}” here. Its score is {score}, from 0 to 1.",
    "Le modèle {model} a trouvé ici un objet de la classe « {class} ». Son score est {score}, de 0 à 1.",
  ],
  why_reference: [
    "A reference layer gave all of it the class “{class}”: there is no score of the model.",
    "Une couche de référence lui a donné en entier la classe « {class} » : il n'y a pas de score du modèle.",
  ],
  why_undecided: [
    "The model {model} is not certain enough of a class here. Answers are given only where at most {risk} of those of their class are expected to be wrong.",
    "Le modèle {model} n'est pas assez sûr d'une classe ici. Une réponse n'est donnée que là où la part d'erreurs attendue parmi celles de sa classe ne dépasse pas {risk}.",
  ],
  why_range: [
    "The model {model} estimated a value for each of these pixels; “{class}” is the range in which it lies. There is no score.",
    "Le modèle {model} a estimé une valeur pour chacun de ces pixels ; « {class} » est l'intervalle où elle se trouve. Il n'y a pas de score.",
  ],
  why_range_or_reference: [
    "“{class}” is the range of the value that the model {model} estimated for these pixels, or a reference layer gave it. There is no score.",
    "« {class} » est l'intervalle de la valeur que le modèle {model} a estimée pour ces pixels, ou vient d'une couche de référence. Il n'y a pas de score.",
  ],
  why_no_score: ["There is no score of the model.", "Il n'y a pas de score du modèle."],
  score_is: [
    "A score shows how sure the model is. It is not the probability that it is right.",
    "Un score montre à quel point le modèle est sûr. Ce n'est pas la probabilité qu'il ait raison.",
  ],
  why_event: ["{kind}: {meaning}.", "{kind} : {meaning}."],
  gates: ["What was checked", "Ce qui a été vérifié"],
  gates_rule: [
    "An event is kept only if it passed every gate: class, images where there are some, width, area, and the confidence where one is required.",
    "Un événement n'est gardé que s'il a franchi chaque critère : classe, images s'il y en a, largeur, surface, et confiance si elle est exigée.",
  ],
  gate_class: ["The class differs: “{from}”, then “{to}”.", "La classe diffère : « {from} », puis « {to} »."],
  gate_image: ["The images differ: mean score {score}, from 0 to 1.", "Les images diffèrent : score moyen {score}, de 0 à 1."],
  gate_image_none: ["The images had no vote: there are none of both dates here.", "Les images n'ont pas voté : il n'y en a pas des deux dates ici."],
  gate_width: ["It is {width} pixels wide{rule}.", "Sa largeur est de {width} pixels{rule}."],
  gate_width_rule: [
    "; more than {least} are required, twice what the shift between the dates explains",
    " ; il en faut plus de {least}, deux fois ce qu'explique le décalage entre les dates",
  ],
  gate_area: ["Its changed area is {area}; areas below {least} are left out.", "Sa surface changée est de {area} ; les surfaces sous {least} sont écartées."],
  gate_confidence: [
    "Mean confidences of the maps: {before} before, {after} after{rule}.",
    "Confiances moyennes des cartes : {before} avant, {after} après{rule}.",
  ],
  gate_confidence_rule: ["; at least {least} are required", " ; au moins {least} sont exigées"],
  gate_confidence_vote: ["; a vote that decides nothing here", " ; un vote qui ne décide de rien ici"],
  gate_confidence_none: ["The confidences had no vote: one of the maps has none.", "Les confiances n'ont pas voté : une des cartes n'en a pas."],
  passed: ["passed", "franchi"],
  failed: ["against", "contre"],
  no_vote: ["no vote", "sans vote"],
  flicker: [
    "It had its later class already before the earlier date: one of three dates is probably wrong.",
    "Il avait déjà sa classe d'après avant la première date : une des trois dates est probablement fausse.",
  ],
  pictures: ["Pictures of both dates", "Images des deux dates"],
  scenes: ["Scenes", "Images sources"],
  scene: ["Scene", "Image source"],
  acquired: ["Acquired", "Prise de vue"],
  unknown_date: ["date unknown", "date inconnue"],
  attributes: ["All attributes", "Tous les attributs"],
  attribute: ["Attribute", "Attribut"],
  value: ["Value", "Valeur"],
  center: ["Show on the map", "Montrer sur la carte"],
  permalink: ["The address of this page selects this feature.", "L'adresse de cette page sélectionne cet objet."],
  table_caption: ["Features", "Objets"],
  table_caption_change: ["Events", "Événements"],
  rows_shown: ["{shown} of {all} rows", "{shown} lignes sur {all}"],
  all_columns: ["All columns", "Toutes les colonnes"],
  rows_a_page: ["Rows a page", "Lignes par page"],
  page_of: ["Page {page} of {pages}", "Page {page} sur {pages}"],
  first: ["First page", "Première page"],
  last: ["Last page", "Dernière page"],
  previous_page: ["Previous page", "Page précédente"],
  next_page: ["Next page", "Page suivante"],
  csv: ["Download CSV", "Télécharger en CSV"],
  csv_more: ["The filtered rows, in this order", "Les lignes filtrées, dans cet ordre"],
  csv_done: ["{n} rows written to {file}.", "{n} lignes écrites dans {file}."],
  filter_column: ["Filter by", "Filtrer par"],
  filter_nothing: ["no column", "aucune colonne"],
  filter_contains: ["contains", "contient"],
  filter_from: ["from", "de"],
  filter_to: ["to", "à"],
  sort_by: ["Sort by {title}", "Trier par {title}"],
  ascending: ["ascending", "croissant"],
  descending: ["descending", "décroissant"],
  loading: ["Reading …", "Lecture …"],
  loading_part: ["Reading … {percent} %", "Lecture … {percent} %"],
  no_rows: ["No row passes the filters.", "Aucune ligne ne passe les filtres."],
  empty: ["This output has no features.", "Cette sortie n'a aucun objet."],
  actions: ["Actions", "Actions"],
  about_run: ["This output", "Cette sortie"],
  run: ["Run", "Traitement"],
  software: ["Software", "Logiciel"],
  model: ["Model", "Modèle"],
  model_license: ["License of the model", "Licence du modèle"],
  data_license: ["License", "Licence"],
  attribution: ["Attribution", "Mentions"],
  dates: ["Dates", "Dates"],
  features: ["Features", "Objets"],
  events: ["Events", "Événements"],
  state: ["State", "État"],
  warnings: ["Warnings", "Avertissements"],
  hint: ["Hint", "Conseil"],
  files: ["Files", "Fichiers"],
  file: ["File", "Fichier"],
  role: ["Role", "Rôle"],
  size: ["Size", "Taille"],
  limits: ["Limits", "Limites"],
  limit_enaf: [
    "A change map is not the figure of consumed natural, agricultural and forest land (ENAF), which is derived from the land registry.",
    "Une carte des changements n'est pas la mesure de la consommation d'espaces naturels, agricoles et forestiers (ENAF), qui vient du cadastre.",
  ],
  limit_map: [
    "Areas on the map are simplified for each zoom. The attributes and the files have the exact ones.",
    "Les surfaces sur la carte sont simplifiées pour chaque zoom. Les attributs et les fichiers ont les valeurs exactes.",
  ],
  limit_background: [
    "There is no background map: the page loads nothing from other hosts.",
    "Il n'y a pas de fond de carte : la page ne charge rien d'autres serveurs.",
  ],
  limit_imagery: [
    "The imagery under the map is a compressed picture of the scenes. Values were predicted from the scenes themselves.",
    "L'imagerie sous la carte est une vue compressée des images sources. Les prédictions viennent des images elles-mêmes.",
  ],
  libraries: ["Libraries of this page", "Bibliothèques de cette page"],
  licenses: ["Their licenses", "Leurs licences"],
  trouble: ["The data cannot be read", "Les données ne peuvent pas être lues"],
  trouble_no_server: [
    "A page that is opened as a file may not read its data. Serve the folder: arpent view FOLDER",
    "Une page ouverte comme un fichier ne peut pas lire ses données. Servez le dossier : arpent view DOSSIER",
  ],
  trouble_unreachable: [
    "{file} could not be fetched: the network failed, or the host does not allow this page to read it. If the page and its files are on different hosts or behind a sandbox, the host must send: Access-Control-Allow-Origin: * and Access-Control-Expose-Headers: Content-Range, and allow the request header Range.",
    "{file} n'a pas pu être lu : le réseau a échoué, ou l'hébergeur n'autorise pas cette page à le lire. Si la page et ses fichiers sont sur des serveurs différents ou isolés, l'hébergeur doit envoyer : Access-Control-Allow-Origin: * et Access-Control-Expose-Headers: Content-Range, et autoriser l'en-tête de requête Range.",
  ],
  trouble_no_range: [
    "The host sends {file} only as a whole. It must answer range requests: status 206 and Accept-Ranges: bytes. (Python's http.server does not; object stores, nginx, Apache, Caddy and arpent view do. Compression on the fly must be off for this file.)",
    "L'hébergeur n'envoie {file} qu'en entier. Il doit répondre aux requêtes partielles : statut 206 et Accept-Ranges: bytes. (Le http.server de Python ne le fait pas ; les stockages d'objets, nginx, Apache, Caddy et arpent view le font. La compression à la volée doit être désactivée pour ce fichier.)",
  ],
  trouble_missing: ["{file} is not beside this page (status {detail}). Copy the whole folder.", "{file} n'est pas à côté de cette page (statut {detail}). Copiez le dossier entier."],
  trouble_refused: ["The host refuses {file} (status {detail}). The page must be allowed to read it without credentials.", "L'hébergeur refuse {file} (statut {detail}). La page doit pouvoir le lire sans identifiants."],
  trouble_other_size: ["{file} is not the file that was published (bytes: {detail}). Copy the folder again; arpent check lists damaged files.", "{file} n'est pas le fichier publié (octets : {detail}). Copiez à nouveau le dossier ; arpent check liste les fichiers abîmés."],
  trouble_other: ["{detail}", "{detail}"],
} as const satisfies Record<string, readonly [string, string]>;

export type Key = keyof typeof TEXTS;

/** Kinds of events: name, and meaning. */
const KINDS: Record<string, { name: Both; meaning: Both }> = {
  appeared: {
    name: { en: "Appeared", fr: "Apparu" },
    meaning: { en: "an object that was not there before", fr: "un objet qui n'existait pas avant" },
  },
  disappeared: {
    name: { en: "Disappeared", fr: "Disparu" },
    meaning: { en: "an object that is not there any more", fr: "un objet qui n'existe plus" },
  },
  grown: {
    name: { en: "Grown", fr: "Agrandi" },
    meaning: { en: "an object that gained at least twice what it lost", fr: "un objet qui a gagné au moins le double de ce qu'il a perdu" },
  },
  shrunk: {
    name: { en: "Shrunk", fr: "Réduit" },
    meaning: { en: "an object that lost at least twice what it gained", fr: "un objet qui a perdu au moins le double de ce qu'il a gagné" },
  },
  moved: {
    name: { en: "Moved", fr: "Déplacé" },
    meaning: { en: "an object that gained and lost", fr: "un objet qui a gagné et perdu" },
  },
  split: {
    name: { en: "Split", fr: "Divisé" },
    meaning: { en: "one object that became several", fr: "un objet devenu plusieurs" },
  },
  merged: {
    name: { en: "Merged", fr: "Fusionné" },
    meaning: { en: "several objects that became one", fr: "plusieurs objets devenus un seul" },
  },
  reorganized: {
    name: { en: "Reorganized", fr: "Réorganisé" },
    meaning: { en: "several objects that became several others", fr: "plusieurs objets devenus plusieurs autres" },
  },
  reclassified: {
    name: { en: "Reclassified", fr: "Changé de classe" },
    meaning: { en: "ground of another class", fr: "un sol d'une autre classe" },
  },
};

/** Writes texts, numbers and dates in one language. */
export class Words {
  constructor(
    readonly language: Language,
    private readonly facts: Facts,
  ) {}

  /** The text of a key; `{name}` is replaced by the value of that name. */
  say(key: Key, values: Record<string, string | number> = {}): string {
    const text: string = TEXTS[key][this.language === "fr" ? 1 : 0];
    const filled = text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
    return this.language === "fr" ? unbroken(filled) : filled;
  }

  of(both: Both): string {
    return both[this.language];
  }

  title(field: Field): string {
    return (this.language === "fr" ? field["title:fr"] : field.title) || field.name;
  }

  count(value: number): string {
    return this.number(value, 0);
  }

  number(value: number, decimals: number): string {
    if (!Number.isFinite(value)) return "–";
    // What would be a rounded zero is written with two digits.
    const isTiny = value !== 0 && Math.abs(value) < 10 ** -decimals / 2;
    const options = isTiny ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: decimals };
    return new Intl.NumberFormat(this.language === "fr" ? "fr-FR" : "en-US", options).format(value);
  }

  score(value: unknown): string {
    return typeof value === "number" ? this.number(value, 3) : "–";
  }

  percent(share: number, decimals = 0): string {
    const options = { style: "percent", maximumFractionDigits: decimals } as const;
    return new Intl.NumberFormat(this.language === "fr" ? "fr-FR" : "en-US", options).format(share);
  }

  area(m2: unknown): string {
    if (typeof m2 !== "number") return "–";
    return m2 >= 1e5 ? `${this.number(m2 / 1e4, 1)}\u202fha` : `${this.number(m2, Math.abs(m2) < 100 ? 1 : 0)}\u202fm²`;
  }

  bytes(size: number): string {
    const units = this.language === "fr" ? ["o", "ko", "Mo", "Go", "To"] : ["B", "kB", "MB", "GB", "TB"];
    let [value, unit] = [size, 0];
    while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
    return `${this.number(value, value < 10 && unit > 0 ? 1 : 0)}\u202f${units[unit]}`;
  }

  /** The day of a date of the manifest, both ends of a period, or the year that it is. */
  date(text: string): string {
    const day = (part: string): string => {
      const date = /^(\d{4})-(\d{2})-(\d{2})/.exec(part);
      if (!date) return part;
      const options = { dateStyle: "medium", timeZone: "UTC" } as const;
      return new Intl.DateTimeFormat(this.language === "fr" ? "fr-FR" : "en-GB", options).format(
        Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3])),
      );
    };
    const year = /^(\d{4})-01-01\/\1-12-31$/.exec(text)?.[1];
    return year ?? text.split("/").map(day).join(" – ");
  }

  /** A class by its English name, which files have. */
  className(name: unknown): string {
    const found = this.facts.classes.find((item) => item.name.en === name);
    return found ? this.of(found.name) : String(name ?? "–");
  }

  kind(name: unknown): string {
    const found = typeof name === "string" && Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
    return found ? this.of(found.name) : String(name ?? "–");
  }

  meaning(name: unknown): string {
    const found = typeof name === "string" && Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
    return found ? this.of(found.meaning) : String(name ?? "–");
  }

  state(name: unknown): string {
    const found = this.facts.states.find((item) => item.name === name);
    if (found) return this.of(found.title);
    return name === "not_verified" ? this.say("proposal") : String(name ?? "–");
  }

  /** A value of a column, as persons read it. */
  cell(field: Field, value: unknown): string {
    if (value === null || value === undefined || value === "") return "–";
    switch (field.name) {
      case "class_name":
      case "from_class":
      case "to_class":
        return this.className(value);
      case "kind":
        return this.kind(value);
      case "state":
        return this.state(value);
      case "acquired":
      case "date_before":
      case "date_after":
        return this.date(String(value));
      case "millesime":
      case "class_id":
        return String(value);
      default:
    }
    if (typeof value !== "number") return String(value);
    if (field.unit === "m2") return this.number(value, Math.abs(value) < 100 ? 1 : 0);
    return /year|millesime/.test(field.name) ? String(value) : this.number(value, 3);
  }
}

/** French puts a blank before these signs, which does not break. */
function unbroken(text: string): string {
  return text.replace(/« /g, "«\u00a0").replace(/ ([:»])/g, "\u00a0$1").replace(/ ([;?!])/g, "\u202f$1");
}
