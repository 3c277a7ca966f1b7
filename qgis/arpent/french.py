# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The texts in French, by those in English."""

FRENCH = {
    # The provider and the program.
    "Arpent (imagery to reviewed vector maps)": "Arpent (de l'imagerie aux cartes vectorielles vérifiées)",
    "Program (found on PATH if empty)": "Programme (cherché dans PATH si le champ est vide)",
    "Folders of model packages": "Dossiers des modèles",
    "The program arpent was not found on PATH.": "Le programme arpent est introuvable dans PATH.",
    "There is no program {path}.": "Il n'y a pas de programme {path}.",
    "Install it (for example the wheel with pipx, or the Debian package: docs/guides/install.md), or set its path in "
    "Settings > Options > Processing > Providers > Arpent.":
        "Installez-le (par exemple le wheel avec pipx, ou le paquet Debian : docs/guides/install.md), ou indiquez son chemin dans "
        "Préférences > Options > Traitements > Fournisseurs de traitements > Arpent.",
    "{path} cannot be started: {error}": "{path} ne peut pas être lancé : {error}",
    "{path} is not Arpent: asked for its version, it printed “{text}”.":
        "{path} n'est pas Arpent : pour sa version, il affiche « {text} ».",
    "{path} is Arpent {found}; this plugin needs {oldest} or newer, below {next}.0.0. Update the program or the plugin.":
        "{path} est Arpent {found} ; cette extension demande la version {oldest} ou une plus récente, avant {next}.0.0. "
        "Mettez à jour le programme ou l'extension.",
    "Hint: {hint}": "Conseil : {hint}",
    "Stopping: what was computed is being stored ...": "Arrêt en cours : enregistrement de ce qui a été calculé...",
    "Canceled. What was computed is kept in the output: the same parameters continue there.":
        "Annulé. Ce qui a été calculé est conservé dans le dossier de sortie : les mêmes paramètres y reprennent le calcul.",
    "Canceled. Nothing was published.": "Annulé. Rien n'a été publié.",
    "This may succeed later: run it again with the same parameters.":
        "Cela peut réussir plus tard : relancez le traitement avec les mêmes paramètres.",
    "The program ended with code {code} and without a result.": "Le programme s'est terminé avec le code {code}, sans résultat.",
    "Not in the output: {scene}: {reason}": "Absent du résultat : {scene} : {reason}",
    # What is published.
    "Configuration (TOML)": "Configuration (TOML)",
    "A file with all further options. What it sets cannot be set here as well.":
        "Un fichier avec toutes les autres options. Ce qu'il fixe ne peut pas être fixé ici aussi.",
    "These are set in the configuration, not here as well: {titles}":
        "À fixer dans la configuration, et non ici aussi : {titles}",
    "Replace an earlier output": "Remplacer un résultat antérieur",
    "The earlier output stays until the new one is complete.": "Le résultat antérieur reste en place jusqu'à ce que le nouveau soit complet.",
    "Open the layers": "Ouvrir les couches",
    "In a group of the project, with their styles.": "Dans un groupe du projet, avec leurs styles.",
    "Output folder": "Dossier de sortie",
    "A folder, or the URL of an object store. An interrupted run continues there.":
        "Un dossier, ou l'URL d'un stockage objet. Un traitement interrompu y reprend.",
    "Identifier of the run": "Identifiant du traitement",
    "Scenes that failed": "Images en échec",
    "Layers": "Couches",
    # arpent run
    "Run a model on imagery": "Appliquer un modèle à des images",
    "Reads imagery, predicts, and publishes rasters and features: arpent run.":
        "Lit des images, prédit, et publie des rasters et des entités : arpent run.",
    "Choose an installed model, or the folder of another model package. The model says which bands and pixel sizes it takes.":
        "Choisissez un modèle installé, ou le dossier d'un autre modèle. Le modèle indique les bandes et les résolutions qu'il accepte.",
    "A run that is canceled keeps what it computed: run it again with the same parameters to continue.":
        "Un traitement annulé conserve ce qu'il a calculé : relancez-le avec les mêmes paramètres pour le reprendre.",
    "Scenes that cannot be read are reported; the others are published.":
        "Les images illisibles sont signalées ; les autres sont publiées.",
    "The result is a proposal: every feature is not verified until a named person decides.":
        "Le résultat est une proposition : aucune entité n'est vérifiée tant qu'une personne nommée n'a pas décidé.",
    "Scenes": "Images",
    "Raster layers in files or at URLs.": "Couches raster dans des fichiers ou à des URL.",
    "Model": "Modèle",
    "The id of an installed model; the algorithm Models lists them.":
        "L'identifiant d'un modèle installé ; le traitement Modèles en donne la liste.",
    "Or the folder of another model": "Ou le dossier d'un autre modèle",
    "The folder with model.json.": "Le dossier qui contient model.json.",
    "Area of interest": "Zone d'intérêt",
    "Polygons, in any CRS.": "Des polygones, dans n'importe quel SCR.",
    "Further scenes, one a line": "Autres images, une par ligne",
    "Files, globs, folders, URLs, STAC items, or @list.txt.":
        "Fichiers, motifs (*), dossiers, URL, éléments STAC, ou @liste.txt.",
    "Scenes of the earlier date": "Images de la date antérieure",
    "For a model that compares two dates.": "Pour un modèle qui compare deux dates.",
    "Date of acquisition": "Date de prise de vue",
    "2021, 2021-07 or 2021-07-14, if the files hold none.": "2021, 2021-07 ou 2021-07-14, si les fichiers n'en contiennent pas.",
    "Masks of clouds and shadows": "Masques de nuages et d'ombres",
    "Polygons or rasters of classes: what was not observed.": "Des polygones ou des rasters de classes : ce qui n'a pas été observé.",
    "Classes that mask": "Classes qui masquent",
    "Names or values, separated by commas.": "Noms ou valeurs, séparés par des virgules.",
    "Smallest feature (m²)": "Plus petite entité (m²)",
    "Smaller features are left out.": "Les entités plus petites sont omises.",
    "Language of the output": "Langue du résultat",
    "Titles of columns; by default the language of QGIS.": "Intitulés des colonnes ; par défaut, la langue de QGIS.",
    "Device": "Calculateur",
    "The best one by default.": "Le meilleur par défaut.",
    "Side of a window (pixels)": "Côté d'une fenêtre (pixels)",
    "Threads": "Fils d'exécution",
    "Changes speed and memory, never the result.": "Change la vitesse et la mémoire, jamais le résultat.",
    "One map for each grid": "Une carte par grille",
    "When scenes differ in CRS or pixel size: each map gets a folder of its own.":
        "Quand les images diffèrent par le SCR ou la résolution : chaque carte a son propre dossier.",
    "There is no scene: choose raster layers, or give addresses.":
        "Il n'y a pas d'image : choisissez des couches raster, ou donnez des adresses.",
    "Choose a model, or the folder of another one, not both.": "Choisissez un modèle, ou le dossier d'un autre, pas les deux.",
    "Choose a model.": "Choisissez un modèle.",
    "There is no installed model {name}.": "Il n'y a pas de modèle installé nommé {name}.",
    "Installed: {names}.": "Modèles installés : {names}.",
    "none; set the folders of model packages in the Processing options":
        "aucun ; indiquez les dossiers des modèles dans les options des traitements",
    "{folder} holds no model package (a readable model.json).": "{folder} ne contient pas de modèle (un model.json lisible).",
    # arpent change
    "Compare two dates": "Comparer deux dates",
    "What changed between two dates, as events with their area, kind and evidence: arpent change.":
        "Ce qui a changé entre deux dates : des événements avec leur surface, leur nature et leurs indices : arpent change.",
    "Two maps give what became what; images of both dates alone give where something changed, without any model. "
    "Maps with the images behind them have both.":
        "Deux cartes disent ce qui est devenu quoi ; les seules images des deux dates disent où quelque chose a changé, sans modèle. "
        "Des cartes accompagnées de leurs images donnent les deux.",
    "Files that hold no date need one: 2018 or 2018-07-14.": "Les fichiers sans date en demandent une : 2018 ou 2018-07-14.",
    "Images of the earlier date": "Images de la date antérieure",
    "Images of the later date": "Images de la date postérieure",
    "Map of the earlier date (output of a run)": "Carte de la date antérieure (résultat d'un traitement)",
    "Map of the later date (output of a run)": "Carte de la date postérieure (résultat d'un traitement)",
    "Earlier date": "Date antérieure",
    "Later date": "Date postérieure",
    "Raster layers in files or at URLs, on one grid.": "Couches raster dans des fichiers ou à des URL, sur une même grille.",
    "The folder with manifest.json; a label raster or a vector layer of land cover is a path, too.":
        "Le dossier qui contient manifest.json ; le chemin d'un raster de classes ou d'une couche vectorielle d'occupation du sol convient aussi.",
    "2018, 2018-07 or 2018-07-14.": "2018, 2018-07 ou 2018-07-14.",
    "Not observed at the earlier date": "Non observé à la date antérieure",
    "Not observed at the later date": "Non observé à la date postérieure",
    "Polygons, such as clouds and their shadows.": "Des polygones, par exemple les nuages et leurs ombres.",
    "Zones of the balance": "Zones du bilan",
    "The balance of classes is also made for each of these polygons.": "Le bilan des classes est aussi établi pour chacun de ces polygones.",
    "Field with the id of a zone": "Champ de l'identifiant d'une zone",
    "Field with the name of a zone": "Champ du nom d'une zone",
    "Smallest change (m²)": "Plus petit changement (m²)",
    "Smaller changes are left out.": "Les changements plus petits sont omis.",
    "How images are compared": "Méthode de comparaison des images",
    "IR-MAD by default, or change-vector analysis.": "IR-MAD par défaut, ou analyse du vecteur de changement (CVA).",
    "Comparison before this one": "Comparaison précédente",
    "Its later date is the earlier one of this: objects keep their ids.":
        "Sa date postérieure est la date antérieure de celle-ci : les objets gardent leurs identifiants.",
    "How images are compared needs images of both dates.": "La méthode de comparaison demande des images des deux dates.",
    "Both dates need images or a map.": "Il faut des images ou une carte pour chacune des deux dates.",
    # arpent zonal
    "Zonal statistics": "Statistiques zonales",
    "Area, share and mean score of each class of a published map in each zone, such as parcels or communes: arpent zonal.":
        "Surface, part et confiance moyenne de chaque classe d'une carte publiée dans chaque zone, comme des parcelles ou des communes : arpent zonal.",
    "The map is the output of a run. Its files are first compared with its manifest.":
        "La carte est le résultat d'un traitement. Ses fichiers sont d'abord comparés à son manifeste.",
    "Lines, such as sections of road, need a configuration with their width: docs/guides/zonal-statistics.md.":
        "Des lignes, comme des tronçons de route, demandent une configuration avec leur largeur : docs/guides/zonal-statistics.md.",
    "Map (output of a run)": "Carte (résultat d'un traitement)",
    "The folder with manifest.json, or the URL of an object store.": "Le dossier qui contient manifest.json, ou l'URL d'un stockage objet.",
    "Zones": "Zones",
    "The number of the feature by default.": "Par défaut, le numéro de l'entité.",
    "Fields to keep": "Champs à conserver",
    "Copied into the result.": "Copiés dans le résultat.",
    "Rank by the share of these classes": "Classer les zones selon la part de ces classes",
    "Names of classes, separated by commas. 1 is the zone with the largest share.":
        "Noms de classes, séparés par des virgules. La zone de rang 1 a la plus grande part.",
    # arpent check
    "Check an output": "Contrôler un résultat",
    "Hashes every file of a published output and compares it with the manifest: arpent check.":
        "Calcule l'empreinte de chaque fichier d'un résultat publié et la compare au manifeste : arpent check.",
    "Files that are missing or were changed are reported, and the result INTACT is false.":
        "Les fichiers manquants ou modifiés sont signalés, et INTACT est faux.",
    "Output": "Résultat publié",
    "Intact": "Intact",
    "Files": "Fichiers",
    "Damaged or missing files": "Fichiers altérés ou manquants",
    "missing": "manquant",
    "another size": "taille différente",
    "other content": "contenu différent",
    "open in another program": "ouvert dans un autre programme",
    "{intact} of {files} files are as they were published.": "{intact} fichiers sur {files} sont tels qu'ils ont été publiés.",
    # Models
    "Models": "Modèles",
    "A table of the models that are installed here, with their classes, bands, pixel sizes, licenses and folders.":
        "Une table des modèles installés ici, avec leurs classes, bandes, résolutions, licences et dossiers.",
    "Published networks follow, which arpent model import makes packages of; the command is in the column place.":
        "Suivent les réseaux publiés que arpent model import convertit ; la commande est dans la colonne place.",
    "Where packages lie is set in the Processing options; by default, those that were installed with the program.":
        "Les dossiers des modèles se règlent dans les options des traitements ; par défaut, ceux installés avec le programme.",
    "Table of models": "Table des modèles",
    "Installed models": "Modèles installés",
    "Published networks": "Réseaux publiés",
    "No model package was found: set the folders of model packages in the Processing options.":
        "Aucun modèle trouvé : indiquez les dossiers des modèles dans les options des traitements.",
    "yes": "oui",
    "no": "non",
    # Outputs as layers
    "Open a published output": "Ouvrir un résultat publié",
    "Adds the layers of an output to the project, with their styles, in a group: features, changes or zones above, rasters below.":
        "Ajoute au projet les couches d'un résultat, avec leurs styles, dans un groupe : entités, changements ou zones en haut, rasters en bas.",
    "Layers are read-only, so that the output stays as it was published. To edit, export a copy (Export > Save Features As).":
        "Les couches sont en lecture seule : le résultat reste tel qu'il a été publié. Pour modifier, exportez une copie "
        "(Exporter > Sauvegarder les entités sous).",
    "The program is not needed for this.": "Le programme n'est pas nécessaire ici.",
    "The folder with manifest.json, or a URL: s3://, gs://, az://, https://.":
        "Le dossier qui contient manifest.json, ou une URL : s3://, gs://, az://, https://.",
    "No layer of the output can be opened.": "Aucune couche du résultat ne peut être ouverte.",
    "Features": "Entités",
    "Changes": "Changements",
    "Map": "Carte",
    "Map of the earlier date": "Carte de la date antérieure",
    "Prediction": "Prédiction",
    "Measured values": "Valeurs mesurées",
    "Difference of the images": "Différence des images",
    "Not observed": "Non observé",
    "Confidence": "Confiance",
    "A proposal, not verified. Run {run} of {created}; model {model}. Its files must not be changed: export a copy to edit it.":
        "Une proposition, non vérifiée. Traitement {run} du {created} ; modèle {model}. Ses fichiers ne doivent pas être modifiés : "
        "exportez une copie pour la modifier.",
    "{file} of {address} cannot be opened: `arpent check` lists missing and damaged files.":
        "{file} de {address} ne peut pas être ouvert : `arpent check` donne la liste des fichiers manquants ou altérés.",
    "The style of {file} cannot be read: {error}": "Le style de {file} est illisible : {error}",
    "{address} holds no complete output: manifest.json is missing. Give the folder that was the output; an interrupted run leaves no manifest.":
        "{address} ne contient pas de résultat complet : manifest.json manque. Donnez le dossier de sortie du traitement ; "
        "un traitement interrompu ne laisse pas de manifeste.",
    "{address}: use a folder, or a URL with {schemes}.": "{address} : donnez un dossier, ou une URL en {schemes}.",
    "{address}: manifest.json has the format {found}, this plugin reads {format}. Update the plugin.":
        "{address} : manifest.json a le format {found}, cette extension lit {format}. Mettez à jour l'extension.",
    "{address}: the manifest names a file outside of the output: {file}":
        "{address} : le manifeste désigne un fichier hors du résultat : {file}",
    "{address}: manifest.json cannot be read: {error}": "{address} : manifest.json est illisible : {error}",
    # Layers of QGIS as input
    "{name} has changes that are not saved: the saved features are used.":
        "{name} a des modifications non enregistrées : les entités enregistrées sont utilisées.",
    "{name} is not a raster in a file or at a URL that the program can read (for example, it is a web map).":
        "{name} n'est pas un raster dans un fichier ou à une URL que le programme peut lire (c'est par exemple un flux web).",
    "{name} has a CRS that its file does not have: export the layer, and use the export.":
        "{name} a un SCR que son fichier n'a pas : exportez la couche, et utilisez l'export.",
    "{name} cannot be opened as a layer.": "{name} ne peut pas être ouvert comme couche.",
    # arpent review
    "Name of the review": "Nom de la vérification",
    "May be left out where there is one only. arpent review new creates one.":
        "Facultatif s'il n'y en a qu'une. arpent review new en crée une.",
    "Export a review to decide in QGIS or QField": "Exporter une vérification pour décider dans QGIS ou QField",
    "Writes a GeoPackage with the features, a table of decisions and a project with forms: arpent review export.":
        "Écrit un GeoPackage avec les entités, une table de décisions et un projet avec des formulaires : arpent review export.",
    "Open it with Project > Open From > GeoPackage, or copy it to a device with QField. Rows are added, never changed.":
        "Ouvrez-le avec Projet > Ouvrir depuis > GeoPackage, ou copiez-le sur un appareil avec QField. "
        "Les lignes s'ajoutent et ne sont jamais modifiées.",
    "With the tasks of a reviewer, it has only their features, without the opinions of others.":
        "Avec les tâches d'un vérificateur, il ne contient que ses entités, sans les avis des autres.",
    "Tasks of a sample (CSV)": "Tâches d'un échantillon (CSV)",
    "The file tasks.csv of arpent review sample.": "Le fichier tasks.csv de arpent review sample.",
    "Reviewer": "Vérificateur",
    "Whose tasks, where the file has those of several.": "À qui sont les tâches, si le fichier contient celles de plusieurs personnes.",
    "Person who decides": "Personne qui décide",
    "Function": "Fonction",
    "Organization": "Organisme",
    "What the form proposes: all three, or none.": "Ce que propose le formulaire : les trois, ou aucun.",
    "Language of the form": "Langue du formulaire",
    "English": "Anglais",
    "French": "Français",
    "File for decisions": "Fichier pour les décisions",
    "GeoPackage (*.gpkg)": "GeoPackage (*.gpkg)",
    "A file is not replaced.": "Un fichier existant n'est pas remplacé.",
    "{features} features, {decisions} decisions.": "{features} entités, {decisions} décisions.",
    "Import decisions": "Importer des décisions",
    "Adds the rows of GeoPackages that came back as decisions: arpent review import.":
        "Ajoute comme décisions les lignes des GeoPackages revenus : arpent review import.",
    "Any number of copies may be given, in any order; a row is imported once. Decisions that contradict each other are disputed, none is lost.":
        "Indiquez autant de copies que vous voulez, dans n'importe quel ordre ; une ligne n'est importée qu'une fois. "
        "Les décisions qui se contredisent sont signalées comme divergentes, aucune n'est perdue.",
    "A file that was changed otherwise is refused, and nothing is written.":
        "Un fichier modifié d'une autre manière est refusé, et rien n'est écrit.",
    "Files with decisions": "Fichiers de décisions",
    "GeoPackages of the review, or CSV files.": "GeoPackages de la vérification, ou fichiers CSV.",
    "Private key of the person (PEM)": "Clé privée de la personne (PEM)",
    "Where the review lists the public one.": "Si la vérification contient la clé publique.",
    "Rows": "Lignes",
    "New decisions": "Nouvelles décisions",
    "Rows that were known": "Lignes déjà connues",
    "Address of the review": "Adresse de la vérification",
    "Decisions": "Décisions",
    "Import GeoPackages and CSV files one after the other.": "Importez les GeoPackages et les fichiers CSV séparément.",
    "Import CSV files one after the other.": "Importez les fichiers CSV l'un après l'autre.",
    "{rows} rows: {new} new decisions, {known} known.": "{rows} lignes : {new} nouvelles décisions, {known} déjà connues.",
}
